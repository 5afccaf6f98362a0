//! Where in a text a value of a JSON document stands, by its path (`exceptions[0].recipients[1].ceiling`).

/// Line and column (from 1, in characters) at which the value at `path` begins. Where a part of the path is absent, those of the
/// value around it. The text was read as JSON before; in anything else the answer is some place in it.
pub(crate) fn of(text: &str, path: &str) -> (usize, usize) {
    let mut scan = Scan { rest: text };
    for step in steps(path) {
        scan.skip_space();
        let mut deeper = Scan { rest: scan.rest };
        if !deeper.enter(step) {
            break;
        }
        scan = deeper;
    }
    scan.skip_space();
    let before = text.get(..text.len() - scan.rest.len()).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    (line, column)
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    path.split(['.', '[']).filter(|step| !step.is_empty()).map(|step| {
        match step.strip_suffix(']').and_then(|number| number.parse().ok()) {
            Some(place) => Step::Element(place),
            None => Step::Member(step),
        }
    })
}

struct Scan<'t> {
    rest: &'t str,
}

impl Scan<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, letter: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Goes to where a member's or element's value begins; false when there is none.
    fn enter(&mut self, step: Step<'_>) -> bool {
        match step {
            Step::Member(wanted) => {
                if !self.take('{') {
                    return false;
                }
                loop {
                    self.skip_space();
                    let Some(name) = self.string() else { return false };
                    if !self.take(':') {
                        return false;
                    }
                    if name == wanted {
                        return true;
                    }
                    self.value();
                    if !self.take(',') {
                        return false;
                    }
                }
            }
            Step::Element(place) => {
                if !self.take('[') {
                    return false;
                }
                for _ in 0..place {
                    self.value();
                    if !self.take(',') {
                        return false;
                    }
                }
                self.skip_space();
                !self.rest.starts_with(']')
            }
        }
    }

    /// Goes past a string; what stands between its quotes, as written.
    fn string(&mut self) -> Option<String> {
        let rest = self.rest.strip_prefix('"')?;
        let mut escaped = false;
        for (at, letter) in rest.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    self.rest = rest.get(at + 1..)?;
                    return rest.get(..at).map(str::to_owned);
                }
                _ => {}
            }
        }
        None
    }

    /// Goes past a value.
    fn value(&mut self) {
        self.skip_space();
        let mut depth = 0_u32;
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                '"' => {
                    if self.string().is_none() {
                        return;
                    }
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                '{' | '[' => depth += 1,
                '}' | ']' | ',' if depth == 0 => return,
                '}' | ']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.rest = self.rest.get(1..).unwrap_or_default();
                        return;
                    }
                }
                _ => {}
            }
            self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    const TEXT: &str = r#"{
  "a, } \" {": [1, {"x": ["]", 2]}],
  "rows": [
    {"id": "é", "till": 3},
    {"id": "b",
     "levels": {"deep": [true, false]}}
  ]
}"#;

    #[test]
    fn a_value_is_found_by_its_path() {
        assert_eq!(of(TEXT, "rows"), (3, 11));
        assert_eq!(of(TEXT, "rows[0].till"), (4, 25));
        assert_eq!(of(TEXT, "rows[1]"), (5, 5));
        assert_eq!(of(TEXT, "rows[1].levels.deep[1]"), (6, 32));
    }

    #[test]
    fn what_is_absent_is_where_it_is_missing() {
        assert_eq!(of(TEXT, "rows[1].gone"), (5, 5));
        assert_eq!(of(TEXT, "rows[2].id"), (3, 11));
        assert_eq!(of(TEXT, "gone"), (1, 1));
        assert_eq!(of("", "a.b"), (1, 1));
    }
}
