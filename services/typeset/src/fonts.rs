//! The fonts, built in: a page looks the same wherever it is made. And the rule that nothing told disappears from it.

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

/// Regular and bold of each family, in the order in which they are tried. Licences and versions: `fonts/README.md`.
const FACES: [[&[u8]; 2]; 3] = [
    [
        include_bytes!("../fonts/AtkinsonHyperlegibleNext-Regular.ttf"),
        include_bytes!("../fonts/AtkinsonHyperlegibleNext-Bold.ttf"),
    ],
    [include_bytes!("../fonts/NotoSans-Regular.ttf"), include_bytes!("../fonts/NotoSans-Bold.ttf")],
    [
        include_bytes!("../fonts/NotoSansCanadianAboriginal-Regular.ttf"),
        include_bytes!("../fonts/NotoSansCanadianAboriginal-Bold.ttf"),
    ],
];

/// Longest run without a place to break that fits the narrowest column.
const RUN_MAX: usize = 22;
/// Where a longer one may be broken.
const RUN_PIECE: usize = 11;
const BREAK_HERE: char = '\u{200b}';

/// The fonts of this program.
pub(crate) struct Fonts {
    faces: Vec<[Font; 2]>,
    book: LazyHash<FontBook>,
}

impl Fonts {
    /// `None` where a font that was built in is none: the program is damaged.
    pub(crate) fn load() -> Option<Self> {
        let face = |data: &&'static [u8]| Font::new(Bytes::new(*data), 0);
        let faces: Vec<[Font; 2]> =
            FACES.iter().map(|[regular, bold]| Some([face(regular)?, face(bold)?])).collect::<Option<_>>()?;
        let book = LazyHash::new(FontBook::from_fonts(faces.iter().flatten()));
        Some(Self { faces, book })
    }

    pub(crate) fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    pub(crate) fn get(&self, index: usize) -> Option<Font> {
        self.faces.iter().flatten().nth(index).cloned()
    }

    /// A text as the page can show it: what no font has a sign for, and what has none because it steers other signs
    /// (direction, joining, controls), stands as its code point. Long words get places to break. Whether something was
    /// replaced.
    pub(crate) fn shown(&self, text: &str) -> (String, bool) {
        let mut shown = String::with_capacity(text.len());
        let mut replaced = false;
        for sign in text.replace("\r\n", "\n").replace('\t', " ").chars() {
            if sign == '\n' || (!steers(sign) && self.has(sign)) {
                shown.push(sign);
            } else {
                replaced = true;
                shown.push_str(&format!("[U+{:04X}]", u32::from(sign)));
            }
        }
        (with_places_to_break(&shown), replaced)
    }

    fn has(&self, sign: char) -> bool {
        let covers = |face: &Font| face.info().coverage.contains(u32::from(sign));
        self.faces.iter().any(|faces| faces.iter().all(covers))
    }
}

/// A word that is wider than a column would run out of the page, and what runs out of it is not read.
fn with_places_to_break(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '\n']) {
        let long = word.chars().count() > RUN_MAX;
        for (place, sign) in word.chars().enumerate() {
            if long && place > 0 && place % RUN_PIECE == 0 {
                result.push(BREAK_HERE);
            }
            result.push(sign);
        }
    }
    result
}

/// Signs without a shape of their own: controls, joiners, marks of direction, selectors, tags (Unicode: `Cc`, and what is
/// `Default_Ignorable_Code_Point` or `Bidi_Control`, with separators of lines).
const fn steers(sign: char) -> bool {
    matches!(
        sign,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_shown_is_as_it_was() {
        let fonts = Fonts::load().unwrap();
        for text in [
            "Maya, née à Trois-Rivières — « 12 000 $ » ; n’est-ce pas ?",
            "#import \"x\": $y$ \\ *z* _w_ @v <u> [t] {s} // r",
            "Nguyễn Thị Ánh, Łukasz, Ştefan, Ђорђе, Ελένη",
            "ᐃᓄᒃᑎᑐᑦ ᓄᓇᕗᑦ",
            "one\ntwo",
        ] {
            assert!(fonts.shown(text) == (text.to_owned(), false), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_shown_stands_as_its_code_point() {
        let fonts = Fonts::load().unwrap();
        for (text, expected) in [
            ("مايا", "[U+0645][U+0627][U+064A][U+0627]"),
            ("a 🙂 b", "a [U+1F642] b"),
            ("玛雅", "[U+739B][U+96C5]"),
            ("\u{202e}evil", "[U+202E]evil"),
            ("a\u{200b}b", "a[U+200B]b"),
            ("a\u{0}b", "a[U+0000]b"),
            ("\u{fffc}", "[U+FFFC]"),
        ] {
            let (shown, replaced) = fonts.shown(text);
            assert_eq!(shown.replace(BREAK_HERE, ""), expected);
            assert!(replaced);
        }
    }

    #[test]
    fn a_long_word_can_be_broken_and_loses_nothing() {
        let fonts = Fonts::load().unwrap();
        let word = "x".repeat(500);
        let (shown, replaced) = fonts.shown(&format!("a {word} b"));
        assert!(!replaced && shown.contains(BREAK_HERE));
        assert_eq!(shown.replace(BREAK_HERE, ""), format!("a {word} b"));
        let longest = shown.split([BREAK_HERE, ' ']).map(|piece| piece.chars().count()).max();
        assert!(longest <= Some(RUN_PIECE));
    }

    #[test]
    fn the_fonts_are_those_that_were_pinned() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fonts");
        let mut check = std::process::Command::new("sha256sum");
        check.args(["--check", "--status", "SHA256SUMS"]).current_dir(folder);
        assert!(check.status().unwrap().success());
    }
}
