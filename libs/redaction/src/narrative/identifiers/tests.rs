//! What goes stands between `«` and `»`, and nothing else goes: each line is checked both ways.

#![expect(clippy::string_slice, reason = "ranges lead back to whole characters; a test stops where one does not")]

use super::*;
use crate::narrative::{Folded, Kind, words::Words};
use core::ops::Range;

pub(super) fn hits(text: &str) -> Vec<(Range<usize>, Kind)> {
    let folded = Folded::new(text);
    let mut hits = Vec::new();
    find(&folded, &Words::new(&folded), &mut hits);
    let mut hits: Vec<_> =
        hits.iter().map(|hit| (folded.range(&hit.range).expect("a range leads back"), hit.kind)).collect();
    hits.sort_by_key(|(range, kind)| (range.start, range.end, *kind));
    hits
}

/// The text with what goes between marks, and the ranges together.
fn marked(text: &str) -> (String, Vec<Range<usize>>) {
    let mut union: Vec<Range<usize>> = Vec::new();
    for (range, _) in hits(text) {
        match union.last_mut().filter(|last| last.end >= range.start) {
            Some(last) => last.end = last.end.max(range.end),
            None => union.push(range),
        }
    }
    let mut marked = String::new();
    let mut at = 0;
    for range in &union {
        marked.push_str(&text[at..range.start]);
        marked.push('«');
        marked.push_str(&text[range.clone()]);
        marked.push('»');
        at = range.end;
    }
    marked.push_str(&text[at..]);
    (marked, union)
}

/// Every line is marked exactly so, and what goes is called by the kind at least once a line.
fn go(kind: Kind, lines: &[&str]) {
    let mut wrong = Vec::new();
    for line in lines {
        let plain = line.replace(['«', '»'], "");
        let (marked, _) = marked(&plain);
        if marked != *line {
            wrong.push(format!("  wanted {line}\n  got    {marked}"));
        } else if !hits(&plain).iter().any(|(_, found)| *found == kind) {
            wrong.push(format!("  {line}: nobody says {kind:?}: {:?}", hits(&plain)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} lines:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

fn stay(lines: &[&str]) {
    let wrong: Vec<String> = lines
        .iter()
        .filter(|line| !hits(line).is_empty())
        .map(|line| format!("  {} {:?}", marked(line).0, hits(line)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} lines:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

#[test]
fn telephones_go_however_they_are_written() {
    go(
        Kind::Phone,
        &[
            "call «514-555-0142» after nine",
            "call «(514) 555-0142»",
            "tel «514.555.0142», ask for nobody",
            "tel:«5145550142»",
            "«+1 514 555 0142»",
            "«1-800-555-0199»",
            "au «514 555-0123 poste 22» le soir",
            "«514-555-0142 ext. 401» is the desk",
            "«514-555-0142 x22»",
            "«514 - 555 - 0142»",
            "«514) - 555-0142»",
            "«514/555/0142»",
            "«514·555·0142»",
            "«514_555_0142»",
            "number is «514\n555\n0142»",
            "«5 1 4 5 5 5 0 1 4 2»",
            "«514-555-O142»",
            "texted her from «555-0142»",
            "her mother in Lyon: «+33 6 12 34 56 78»",
            "«0033 6 12 34 56 78»",
            "«+52 (55) 5555 0142»",
            "«٥١٤ ٥٥٥ ٠١٤٢»",
            "«５１４-５５５-０１４２»",
            "«1-800-FLOWERS» was on the wall, «514-555-HELP» too",
            "whatsapp «+1 (438) 555-0111»",
        ],
    );
}

#[test]
fn telephones_go_in_words_of_both_languages_and_mixed_with_digits() {
    go(
        Kind::Phone,
        &[
            "she said «five one four five five five oh one four two» twice",
            "«five fourteen, five fifty-five, oh one forty-two»",
            "«five one four triple five zero one four two»",
            "it was «514 five five five 0142» she thinks",
            "«quatre-un-six, cinq-cinq-cinq, zéro-un-quatre-deux»",
            "le «cinq cent quatorze, cinq cent cinquante-cinq, zéro-un-quarante-deux»",
            "«quatre un six cinq cinq cinq quatre-vingt-dix-sept soixante et onze»",
            "«514 cinq cinq cinq 0142»",
            "«514 dash 555 dash 0142»",
            "«514 tiret 555 tiret 0142»",
            "«five one four. five five five. zero one four two»",
            "«five one four\nfive five five\nzero one four two»",
            "«four-three-eight five five five oh-one-oh-three ext 12»",
        ],
    );
    stay(&[
        "one or two of them, maybe three, said four or five men came",
        "en mille neuf cent quatre-vingt-dix-huit",
        "two thousand five hundred dollars",
        "between 2023 and 2024 and then again",
    ]);
}

#[test]
fn social_insurance_and_health_numbers_go_with_or_without_a_checksum() {
    go(
        Kind::SocialInsurance,
        &[
            "SIN «046 454 286»",
            "NAS: «046-454-286».",
            "the number «046454287» was on it",
            "«SIN046454286»",
            "sin # «046.454.286»",
            "«046 454\n286»",
        ],
    );
    go(
        Kind::HealthCard,
        &[
            "OHIP «1234-567-897-XY»",
            "health card «1234 567 897 XY» expired",
            "health card «1234 567 897» is expired",
            "ohip «1234567897xy»",
            "RAMQ «TREM 9853 1215»",
            "«TREM98531215»",
            "nam «trem-9853-1215»",
            "RAMQ «TREM 9899 9915»",
            "PHN «9698 658 215»",
            "phn «9698658216»",
            "Alberta health «12345-6789»",
            "MCP «123 456 789 012»",
            "MSI «0012 345 678»",
            "NWT health «N1234567»",
            "PEI health «12345678»",
        ],
    );
}

#[test]
fn licences_passports_and_immigration_numbers_go_with_their_letters() {
    go(
        Kind::DriversLicence,
        &[
            "«T1234-56789-90214»",
            "licence «t1234 56789 90214»",
            "permis «T1234-120398-01»",
            "«BOUDR120398001»",
            "NL «S980714001»",
            "«SM-IT-HJ-A123KL»",
            "«smithja123kl» driver's licence",
            "driver's licence «123456-789»",
            "driver licence «1234567»",
            "permis de conduire «54321»",
        ],
    );
    go(
        Kind::Passport,
        &[
            "passport «AB123456»",
            "passeport «AB 123456»",
            "«A123456BC»",
            "her passport «A 123456 BC» was taken",
            "passport «C4471820» was taken",
            "passport no. «123456789»",
            "passeport «OP 0123457» et passeport guatémaltèque «G 2345678»",
        ],
    );
    go(
        Kind::Immigration,
        &[
            "UCI «11-2345-6789»",
            "client id «1123456789»",
            "«1234-5678» is her UCI",
            "IUC «X01-12345678»",
            "CAN«123456789012»".replace("CAN«", "«CAN").leak(),
            "work permit «W305123456»",
            "IRCC client «12345678»",
        ],
    );
    go(Kind::StatusCard, &["status card «1230456701»", "carte de statut «123-04567-01»"]);
    go(
        Kind::PoliceNumber,
        &[
            "FPS «123456C»",
            "badge «4821»",
            "badge no. «4821»",
            "matricule «4821» du poste",
            "file # «2024-12345»",
            "dossier no «12345»",
            "incident number «24-1234»",
            "case «#4821»",
        ],
    );
}

#[test]
fn postal_codes_go() {
    go(
        Kind::PostalCode,
        &[
            "«K1A 0B1»",
            "«k1a0b1»",
            "«H2X-1Y4»",
            "«H2X  1Y4»",
            "«H 2 X 1 Y 4»",
            "«D2X 1Y4» is none",
            "«K1A OB1»",
            "(«h0h 0h0»)",
        ],
    );
}

#[test]
fn plates_go_and_ordinary_words_before_numbers_stay() {
    go(
        Kind::Plate,
        &[
            "a grey van «CABC 123»",
            "plate «cabc 123»",
            "«ABC-1234» parked there",
            "«CABC123»",
            "plaque «H12 ABC»",
            "«h12abc»",
            "«AB1 23C»",
            "plate «123 ABC»",
            "plate number «123 456»",
            "plaque «C A B C 1 2 3»",
            "plate is «12 34AB»",
            "VIN «1M8GDM9AXKP042788»",
            "licence plate «BVKT 482», Ontario",
            "immatriculé «F12 KLM»",
            "plate «7ABC123»",
            "the plate was «g h j 1 2 3»",
            "plaque commençant par «E4»",
            "nova scotia licence plate «GHJ 123»",
        ],
    );
    stay(&[
        "she paid 400 and he took 300",
        "bus 105 then route 117",
        "since sept 2024, in 2024, en 2023",
        "the 300 he owes",
        "gave 400 each",
        "flight AC 880 on the 3rd",
        "vol 880, porte 3 minutes plus tard",
        "exit 145 off Highway 17",
        "COVID-19",
        "about 120 km from here",
        "mars 2024 et juin 2024",
    ]);
}

#[test]
fn banks_cards_and_long_numbers_go() {
    go(
        Kind::Card,
        &[
            "«4111 1111 1111 1111»",
            "visa «4111-1111-1111-1112»",
            "«4111111111111111»",
            "«3782 822463 10005»",
            "carte «4111.1111.1111.1111»",
            "«4111 1111\n1111 1111»",
        ],
    );
    go(Kind::BankAccount, &["«01234-004-1234567»", "transit «01234 004 1234567»", "account «1234567»"]);
    go(
        Kind::Iban,
        &[
            "«GB82 WEST 1234 5698 7654 32»",
            "iban «gb82west12345698765432» and then",
            "«DE89 3704 0044 0532 0130 00» and that",
            "«GB83 WEST 1234 5698 7654 32» he said",
            "«FR14 2004 1010 0505 0001 3M02 606»",
        ],
    );
    go(
        Kind::Number,
        &[
            "«12 345 67»",
            "«20240312»",
            "«x1234567y»",
            "«1.2.3.4.5.6.7»",
            "«12[345]67»",
            "booking «K7X2PQ81»",
            "code «48213»",
            "card ending in «4242»",
            "les derniers chiffres sont «4242»",
            "«8/123\n4567»",
        ],
    );
}

#[test]
fn what_stands_on_a_network_goes() {
    go(
        Kind::Email,
        &[
            "«marie.roy22@example.com».",
            "write to «m_r+x@mail.example.co.uk»",
            "«marie at gmail dot com»",
            "«marie dot roy 22 at gmail dot com» she spelled",
            "«marie.roy arobase exemple point ca»",
            "«marie (at) example (dot) com»",
            "«marie[at]example[dot]com»",
            "«marie @ example.com»",
            "«marie22@gmail,com»",
            "«marie22@gmail»",
            "email is «marie22 at gmail»",
            "«marie point roy a commercial hotmail point com»",
            "«marie@gmail .com»",
            "«jo (a) example.org»",
            "«marc(at)exemple.ca» ou «marc arobase exemple.ca»",
        ],
    );
    go(
        Kind::Url,
        &[
            "«https://example.com/a?b=c».",
            "see «www.example.org/marie»",
            "«example.com» is the ad",
            "«t.me/lily»",
            "«bit.ly/3xYz»",
            "(«http://192.0.2.1/x»)",
            "on «fb.com/lily.rose»",
            "«linktr.ee/lily»",
            "«example dot com»",
            "annonce sur «exemple point ca»",
            "«hxxps://example[.]com/x»",
        ],
    );
    go(
        Kind::IpAddress,
        &[
            "from «192.0.2.17»",
            "«192.0.2.17:8080»",
            "«2001:db8::1»",
            "«2001:0db8:0000:0000:0000:ff00:0042:8329»",
            "mac «00:00:5e:00:53:af»",
            "«00-00-5E-00-53-AF»",
            "«192[.]0[.]2[.]17»",
        ],
    );
    go(Kind::Uuid, &["«f81d4fae-7dec-11d0-a765-00a0c91e6bf6»", "«F81D4FAE7DEC11D0A76500A0C91E6BF6»"]);
    stay(&[
        "at 11:30:45 she left",
        "meet @ 5pm or @11:30",
        "She left the hotel.She came back",
        "partie.Ça va",
        "and/or",
        "she was at home dot",
        "et point final",
        "version 2.0",
    ]);
}

#[test]
fn account_names_go() {
    go(
        Kind::Handle,
        &[
            "«@lily_rose»",
            "two accounts, «@lily_rose» and «lily.rose7»",
            "sends it to «$lilyrose», $40 each time".replace("«$lilyrose»", "$«lilyrose»").leak(),
            "insta: «lily.rose22»",
            "her snap is «lilyrose»",
            "snapchat «xo_lily22»",
            "tiktok user «lilyrose99»",
            "IG «lily__rose»",
            "Facebook name: «Lily Rosette»",
            "compte insta «lilirosette»",
            "telegram «@lily22»",
            "snap: \"«jo 22»\"",
            "on discord as «jolie#1234»",
            "pseudo «lilirosette»",
            "username «zzkitty»",
            "«lily.rose22» on snap",
            "«xo_lily» sur insta",
            "he goes by «lilyrose2005» there",
            "sur instagram sous le nom «lilirosette»",
        ],
    );
    stay(&[
        "met him on instagram and then on snap",
        "he posted on Facebook",
        "a snap story",
        "messages on whatsapp every day",
        "il a un compte instagram et un autre",
    ]);
}

#[test]
fn addresses_of_both_languages_go() {
    go(
        Kind::Address,
        &[
            "at «1420 Maple St», near",
            "«22 King Street West»",
            "«1420-B Maple Avenue»",
            "«4-1420 Maple Dr»",
            "lives at «1420 maple drive»",
            "«10 5th Ave SW»",
            "«11520 82 Avenue NW»",
            "on «Maple Street» they",
            "on «maple street» they",
            "«1420 St. Clair Ave W»",
            "«22, rue Sainte-Catherine Ouest»",
            "au «22 rue des Érables»",
            "«1420 boul. René-Lévesque Est», Montréal",
            "«1420, boul. René Lévesque»",
            "«12 ch. du Lac»",
            "«3455 av. du Parc»",
            "sur la «rue Sainte-Catherine»",
            "sur la «rue principale»",
            "«rang 4»",
            "«145 rang Saint-Joseph»",
            "«1420, 12e Avenue»",
            "«RR 2»",
            "«P.O. Box 122»",
            "«case postale 122»",
            "«C.P. 122»",
            "near the corner of «King and Main»",
            "corner of «Jane & Finch»",
            "au coin de «la Montagne et Sherbrooke»".replace("«la ", "la «").leak(),
            "«1420 Highway 7»",
            "«512 County Road 12»",
            "«Range Road 224»",
            "«5 rue de l'Église»",
            "at «4471 Kingsway», unit",
            "near «1012 Selkirk Ave». Police came",
            "«rr 2 box 114»",
            "viens au «45 de la Montagne» ce soir",
        ],
    );
    stay(&[
        "dans la rue avec elle",
        "la rue est sombre et les 3 filles",
        "2 girls on the street",
        "5 minutes down the road",
        "3 rues plus loin",
        "took the 40 to the corner of the room",
        "on the side street",
        "paid 400 each way",
        "on Highway 17 near exit 145",
        "a place near Thunder Bay on Highway 17",
        "the motel off the 401 near London, on the 401",
        "la route 117 vers le nord",
        "une place à la table",
        "a 20 minute drive",
        "au coin de la rue",
    ]);
}

#[test]
fn rooms_and_units_go() {
    go(
        Kind::Room,
        &[
            "in «room 214» of the motel",
            "«Suites 905» and «907»",
            "«chambre 12» puis «14»",
            "«rm 214»",
            "«Room #214»",
            "«room no. 214»",
            "«#214»",
            "«bed 14»",
            "une chambre, la «218», du motel",
            "on est au «305» du motel",
            "a room at the Y, number «19»",
            "«chambre n° 12»",
            "«local B-12»",
            "«buzzer is 1207»",
            "«ch. 214»",
            "«chambre 12»",
            "la «chambre numéro 12»",
            "«appt 4»",
            "«apt. 4B»",
            "«unit 3»",
            "«suite 1200»",
            "«bureau 12»",
            "«buzzer 12»",
            "«sonnette 12»",
            "«rooms 12», «14» and «16»",
            "«chambres 12» et «14»",
            "«room twelve»",
            "«chambre douze»",
            "«room two fourteen»",
            "«apt B»",
            "«room214»",
            "at the motel, in «214»",
            "«apartment 4-B»",
        ],
    );
    stay(&[
        "room for 2",
        "room service",
        "the room is $80",
        "une chambre à 120 $",
        "room 80 dollars",
        "suite à 3 appels",
        "one room, two beds",
        "chambre deux lits",
        "she's number 1",
        "#metoo",
    ]);
}

#[test]
fn dates_of_birth_go_and_dates_of_events_stay() {
    go(
        Kind::BirthDate,
        &[
            "born «1998-03-04»",
            "DOB «04/03/98»",
            "D.O.B.: «04.03.1998»",
            "date of birth «March 4th 1998»",
            "birthday is «March 4»",
            "née le «4 mars 1998»",
            "né en «1998»",
            "ne le «4 mars 98»",
            "naissance : «1er mai 2009»",
            "DDN «2009/05/01»",
            "born in «1998»",
            "born in «'98»",
            "born on «the 4th of March, 2009»",
            "anniversaire le «4 mars»",
            "«March 4» is her birthday",
            "dob «980304»",
            "her id says «1998-03-04»",
            "«4 mars 1998» sur sa carte d'identité",
            "née le «quatre mars mille neuf cent quatre-vingt-dix-huit»",
            "born «march fourth nineteen ninety eight»",
            "b-day «4-mar-2009»",
            "born in «March»",
        ],
    );
    stay(&[
        "on 2024-03-12 at 15:30 he came",
        "le 12 mars 2024 vers 15 h 30",
        "March 12, 2024 15:30",
        "on 12/03/2024",
        "since March 2024",
        "from 2019-2024",
        "on March 12 at 3:45 pm",
        "le 1er mai elle est partie",
        "in 1998",
        "elle ne mange pas le 4 mars",
        "from 15:30-16:45",
        "they may 3 times a week",
    ]);
}

#[test]
fn ages_go_and_what_lasts_stays() {
    go(
        Kind::Age,
        &[
            "she is «17 years old»",
            "Works at a laundry. «31». Paid in cash.",
            "met her at the library: «16», from out of town",
            "His cousin Teva is «22».",
            "Teva, «36 years», drives",
            "looked «13ish»",
            "«Trente ans», plus de passeport",
            "Nobody knows. «Fifteen» is what the friend heard.",
            "a «17-year-old» girl",
            "«17yo»",
            "«17 y/o»",
            "«17 y.o.» girl".replace("y.o.»", "y.o».").leak(),
            "aged «17»",
            "age: «17»",
            "Age «17»",
            "«17 ans»",
            "elle a «17 ans»",
            "âgée de «dix-sept ans»",
            "«seventeen years old»",
            "she just turned «18»",
            "un bébé de «8 mois»",
            "an «8-month-old» baby",
            "«16F»",
            "«F16»",
            "F/«16»".replace("F/«", "«F/").leak(),
            "she's «17»",
            "she's only «17» and scared",
            "Marisol is «22» and afraid",
            "une «trentaine d'années»",
            "a man, «late 30s»",
            "dans les «40 ans»",
            "the eldest is «12».",
            "she is «40ish»",
            "at «16», she left home",
            "she is «in her early twenties»",
            "elle est «dans la trentaine»",
            "he's «in his 40s»",
            "re hope, «13», gr 8",
            "jai «25». jveux",
            "she has «27 years».",
            "girls «14 to 16»",
            "recherche filles, «18»+, payé",
            "Rachel, innue, «22». Elle",
            "they're «22 and 24».",
            "she looks about «15 or 16».",
            "she could be as young as «13»?",
            "she is barely «16».",
            "fillette de «9 ans»",
            "bébé de «6 semaines»",
            "il a 3 enfants: «2 ans», «5 ans» et «8 mois»",
            "Elle a environ «20 ans»",
            "suspect: «M, 35-40» yrs",
            "she's now «19», was «15» when it started",
            "elle a «17» et elle a peur",
            "Her friend, «15», too",
            "(female, «16»)",
            "between «15 and 17 years old»",
            "«15-16 ans»",
            "une fille de «16 ans»",
            "turned «sixteen» in May",
            "her «18»th birthday",
            "«17ans»",
            "âge : «17»",
            "ages «15 and 17 years»",
            "ages «15 and 17».",
        ],
    );
    stay(&[
        "There were 12. The bus was 40 minutes late. The total: 85 $.",
        "depuis 5 ans",
        "il y a 3 ans",
        "pendant 2 ans",
        "for 5 years",
        "under 18",
        "she has 3 sisters",
        "elle a 3 soeurs",
        "he is 10 minutes away",
        "she was 1 of 3",
        "5'4 and 120 lbs",
        "she is 3 months pregnant",
        "il y a 15 minutes",
        "3 of the girls",
        "turned 180 degrees",
        "un bail de 2 ans",
    ]);
}

#[test]
fn prices_counts_times_and_parts_stay() {
    stay(&[
        "2 500 000 francs CFA, £1,250,000",
        "$400 a night, 400 $ la nuit, 1 500 $, $1,250,000",
        "50 % of it, 3 out of 10",
        "3:45 pm, 15 h 30, 15h30, 9 a.m.",
        "the 2nd time, la 3e fois, the 21st",
        "6 men, 12 clients per day, 15 appels",
        "10 to 15 men a night",
        "from 9 to 5",
        "911 was called",
        "24/7",
        "grade 10",
        "in the late 1990s",
        "5 km away",
        "at 11 or 12 at night",
        "2 or 3 others",
    ]);
}
