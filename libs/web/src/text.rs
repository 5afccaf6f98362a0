//! Texts in English and French, from Fluent files.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

/// A language of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    En,
    /// French.
    Fr,
}

impl Lang {
    /// Both.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// As it stands in paths and in `lang` attributes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// The language of a code.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::En => Self::Fr,
            Self::Fr => Self::En,
        }
    }

    /// The first of ours that `Accept-Language` names; English when it names none.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let tags = header.split(',').map(|tag| tag.trim().get(..2).unwrap_or_default().to_ascii_lowercase());
        tags.into_iter().find_map(|tag| Self::of(&tag)).unwrap_or(Self::En)
    }
}

/// A Fluent file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("texts in `{lang}`: {reason}")]
pub struct BadTexts {
    lang: &'static str,
    reason: String,
}

/// The texts of a site.
pub struct Texts {
    en: FluentBundle<FluentResource>,
    fr: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts(..)")
    }
}

/// The texts of the frame, in each language.
pub const FRAME: [&str; 2] = [include_str!("../texts/frame.en.ftl"), include_str!("../texts/frame.fr.ftl")];

fn bundle(lang: Lang, files: &[&str]) -> Result<FluentBundle<FluentResource>, BadTexts> {
    let bad = |reason: String| BadTexts { lang: lang.code(), reason };
    let tag = lang.code().parse().map_err(|_| bad("no such language".to_owned()))?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // The marks would stand in titles and attributes, and nothing here is written from right to left.
    bundle.set_use_isolating(false);
    for file in files {
        let resource = FluentResource::try_new((*file).to_owned()).map_err(|(_, errors)| bad(format!("{errors:?}")))?;
        bundle.add_resource(resource).map_err(|errors| bad(format!("{errors:?}")))?;
    }
    Ok(bundle)
}

impl Texts {
    /// The texts of these files, those of the frame included.
    ///
    /// # Errors
    /// [`BadTexts`].
    pub fn new(en: &str, fr: &str) -> Result<Self, BadTexts> {
        let [frame_en, frame_fr] = FRAME;
        Ok(Self { en: bundle(Lang::En, &[frame_en, en])?, fr: bundle(Lang::Fr, &[frame_fr, fr])? })
    }

    /// The texts in one language.
    #[must_use]
    pub const fn in_lang(&self, lang: Lang) -> Tongue<'_> {
        Tongue { texts: self, lang }
    }
}

/// The texts in one language.
#[derive(Debug, Clone, Copy)]
pub struct Tongue<'t> {
    texts: &'t Texts,
    lang: Lang,
}

impl Tongue<'_> {
    /// Which language.
    #[must_use]
    pub const fn lang(&self) -> Lang {
        self.lang
    }

    fn fill(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let bundle = match self.lang {
            Lang::En => &self.texts.en,
            Lang::Fr => &self.texts.fr,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            // Tests know of every key; a page with a hole is better than none.
            tracing::error!(key, lang = self.lang.code(), "a text is missing");
            return key.to_owned();
        };
        let mut errors = Vec::new();
        bundle.format_pattern(pattern, args, &mut errors).into_owned()
    }

    /// The text of a key.
    #[must_use]
    pub fn s(&self, key: &str) -> String {
        self.fill(key, None)
    }

    /// The same with one value put in.
    #[must_use]
    pub fn with(&self, key: &str, name: &str, value: impl std::fmt::Display) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.to_string());
        self.fill(key, Some(&args))
    }
}

/// The keys that a Fluent file defines.
#[must_use]
pub fn keys(file: &str) -> Vec<&str> {
    let starts = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
    file.lines().filter(starts).filter_map(|line| line.split_once(" =")).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_says_the_same_in_both_languages() {
        let [en, fr] = FRAME;
        assert_eq!(keys(en), keys(fr));
        let texts = Texts::new("", "").unwrap();
        for key in keys(en) {
            let both = Lang::ALL.map(|lang| texts.in_lang(lang).s(key));
            assert!(both.iter().all(|text| !text.is_empty() && text != key), "{key}");
        }
    }

    #[test]
    fn the_first_language_that_is_ours_counts() {
        for (header, lang) in
            [("fr-CA,en;q=0.8", Lang::Fr), ("de, FR", Lang::Fr), ("en", Lang::En), ("", Lang::En), ("é", Lang::En)]
        {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }

    #[test]
    fn a_value_is_put_in_as_it_is() {
        let texts = Texts::new("told = by { $name }.", "told = par { $name }.").unwrap();
        assert_eq!(texts.in_lang(Lang::Fr).with("told", "name", "k.tremblay"), "par k.tremblay.");
    }
}
