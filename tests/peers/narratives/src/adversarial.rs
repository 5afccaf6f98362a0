//! Pieces of which long texts are made that are hard on recognisers: everything almost matches, or matches all along.

/// What it is, and the piece.
pub(crate) const PIECES: [(&str, &str); 18] = [
    ("ordinary prose", "She was picked up after close and has not been paid since the day in April when she came. "),
    ("a known name, again and again", "Marie-Ève Quillfeather "),
    ("a known name, mistyped", "Marie-Eve Quilfeathr Oluwasuen Adeyemy "),
    ("a known name, in letters apart", "M a r i e - È v e Q u i l l f e a t h e r "),
    ("a known name, with a letter too many", "MarieEveQuillfeatherr"),
    ("beginnings of names", "Quill-Quill-Quil Mari-Mari-Mar Olu Ade "),
    ("digits", "1"),
    ("digits apart", "7 7-7.7/"),
    ("almost a card", "4111 1111 1111 111x "),
    ("almost a mail address", "a.a@"),
    ("almost an address on the web", "http://www."),
    ("numbers in words", "five cinq double-"),
    ("capitals", "Aba Bab Abba "),
    ("one word of capitals", "Ab"),
    ("brackets", "[Person A] ["),
    ("marks upon a letter", "e\u{301}\u{301}\u{301}\u{327}"),
    ("what is not seen", "M\u{200b}\u{200d}\u{2060}"),
    ("white space and breaks", " \n\t\u{a0}\r\n- "),
];
