//! Making values coarser. Each function takes a value as told and gives the coarse one, or `None` where it does not understand
//! the value: what is not understood is withheld.

use crate::class::Generalisation;
use crate::field::Value;
use crate::redacted::CoarseValue;
use egide_domain::Timestamp;
use egide_domain::vocabulary::Jurisdiction;

/// A day of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: i64,
    month: i64,
    day: i64,
}

impl Day {
    /// The day of an instant.
    #[must_use]
    pub const fn of(instant: Timestamp) -> Self {
        // Civil from days, counting years from March so that a leap day comes last (Howard Hinnant's algorithm).
        let days = instant.0.div_euclid(86_400_000) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        Self { year, month, day: of_year - (153 * shifted + 2) / 5 + 1 }
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Somebody's age, coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeGroup {
    /// Under 18.
    Minor,
    /// 18 or older.
    Adult,
    /// The value does not say: both are possible.
    Unknown,
}

/// A number, coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberBand {
    /// 1.
    One,
    /// 2 to 4.
    TwoToFour,
    /// 5 to 9.
    FiveToNine,
    /// 10 or more.
    TenOrMore,
}

/// The coarse value of a value, or `None`: then it is withheld. `today` is the day of the decision.
#[must_use]
pub fn coarse(value: &Value, how: Generalisation, today: Day) -> Option<CoarseValue> {
    match (how, value) {
        (Generalisation::Month, Value::Text(text)) => month(text).map(CoarseValue::Month),
        (Generalisation::Year, Value::Text(text)) => year(text).map(CoarseValue::Year),
        (Generalisation::AgeGroup, Value::Text(text)) => age_group_of_birth(text, today).map(CoarseValue::AgeGroup),
        (Generalisation::AgeGroup, Value::Number(years)) => age_group_of_years(*years).map(CoarseValue::AgeGroup),
        (Generalisation::Province, Value::Text(text)) => province(text).map(CoarseValue::Province),
        (Generalisation::NumberBand, Value::Number(number)) => number_band(*number).map(CoarseValue::Band),
        // `Keep` changes nothing and is the caller's; everything else fits no value of that shape.
        (
            Generalisation::Withhold
            | Generalisation::Keep
            | Generalisation::Deidentified
            | Generalisation::Month
            | Generalisation::Year
            | Generalisation::AgeGroup
            | Generalisation::Province
            | Generalisation::NumberBand,
            _,
        ) => None,
    }
}

/// An ISO 8601 date, full or partial.
#[derive(Clone, Copy)]
struct PartialDate {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
}

fn partial_date(text: &str) -> Option<PartialDate> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|part| digits(part, 2)).map_or(Some(None), |month| month.map(Some))?;
    let day = parts.next().map(|part| digits(part, 2)).map_or(Some(None), |day| day.map(Some))?;
    let date_fits = month.is_none_or(|month| (1..=12).contains(&month))
        && day.is_none_or(|day| (1..=month_length(year, month.unwrap_or(0))).contains(&day));
    (parts.next().is_none() && (1..=9999).contains(&year) && date_fits).then_some(PartialDate { year, month, day })
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let fits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

const fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-11-22` and `2026-11` become `2026-11`; `2026` stays, it is coarser already.
fn month(text: &str) -> Option<String> {
    let date = partial_date(text)?;
    Some(match date.month {
        Some(month) => format!("{:04}-{month:02}", date.year),
        None => format!("{:04}", date.year),
    })
}

fn year(text: &str) -> Option<String> {
    partial_date(text).map(|date| format!("{:04}", date.year))
}

/// From the earliest and the latest day a partial birth date can mean. Who was born on 29 February turns 18 on 1 March. A day
/// in the future is no birth date.
fn age_group_of_birth(text: &str, today: Day) -> Option<AgeGroup> {
    let birth = partial_date(text)?;
    let first = Day { year: birth.year, month: birth.month.unwrap_or(1), day: birth.day.unwrap_or(1) };
    let last_month = birth.month.unwrap_or(12);
    let last_day = birth.day.unwrap_or_else(|| month_length(birth.year, last_month));
    let last = Day { year: birth.year, month: last_month, day: last_day };
    let of_age = |day: Day| Day { year: day.year + 18, ..day } <= today;
    if first > today {
        None
    } else if of_age(last) {
        Some(AgeGroup::Adult)
    } else if of_age(first) {
        Some(AgeGroup::Unknown)
    } else {
        Some(AgeGroup::Minor)
    }
}

/// 0 means not told, and nobody is older than 130.
const fn age_group_of_years(years: u64) -> Option<AgeGroup> {
    match years {
        1..18 => Some(AgeGroup::Minor),
        18..=130 => Some(AgeGroup::Adult),
        _ => None,
    }
}

/// From a Canadian postal code, whose first letter names the province; the letter X stands for two territories and is
/// withheld, like every other part of an address: nothing in a street or a town says where it is.
fn province(text: &str) -> Option<Jurisdiction> {
    let code: Vec<char> = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let [first, one, second, two, third, three] = code.as_slice() else { return None };
    let letters = [first, second, third].into_iter().all(char::is_ascii_alphabetic);
    let numbers = [one, two, three].into_iter().all(char::is_ascii_digit);
    if !letters || !numbers {
        return None;
    }
    match first.to_ascii_uppercase() {
        'A' => Some(Jurisdiction::Nl),
        'B' => Some(Jurisdiction::Ns),
        'C' => Some(Jurisdiction::Pe),
        'E' => Some(Jurisdiction::Nb),
        'G' | 'H' | 'J' => Some(Jurisdiction::Qc),
        'K' | 'L' | 'M' | 'N' | 'P' => Some(Jurisdiction::On),
        'R' => Some(Jurisdiction::Mb),
        'S' => Some(Jurisdiction::Sk),
        'T' => Some(Jurisdiction::Ab),
        'V' => Some(Jurisdiction::Bc),
        'Y' => Some(Jurisdiction::Yt),
        _ => None,
    }
}

/// 0 means not known.
const fn number_band(number: u64) -> Option<NumberBand> {
    match number {
        0 => None,
        1 => Some(NumberBand::One),
        2..=4 => Some(NumberBand::TwoToFour),
        5..=9 => Some(NumberBand::FiveToNine),
        10.. => Some(NumberBand::TenOrMore),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::of(Timestamp::from_date(text).unwrap())
    }

    fn coarse_text(text: &str, how: Generalisation) -> Option<CoarseValue> {
        coarse(&Value::Text(text.to_owned()), how, day("2026-11-22"))
    }

    #[test]
    fn an_instant_has_the_day_it_falls_on() {
        for text in ["1970-01-01", "2000-02-29", "2026-11-22", "2026-12-31", "2100-03-01"] {
            let midnight = Timestamp::from_date(text).unwrap();
            assert_eq!(Day::of(midnight).to_string(), text);
            assert_eq!(Day::of(Timestamp(midnight.0 + 86_399_999)).to_string(), text);
        }
    }

    #[test]
    fn a_date_becomes_its_month_or_year_and_a_coarser_date_stays() {
        assert!(coarse_text("2026-03-09", Generalisation::Month) == Some(CoarseValue::Month("2026-03".into())));
        assert!(coarse_text("2026-03", Generalisation::Month) == Some(CoarseValue::Month("2026-03".into())));
        assert!(coarse_text("2026", Generalisation::Month) == Some(CoarseValue::Month("2026".into())));
        assert!(coarse_text("2026-03-09", Generalisation::Year) == Some(CoarseValue::Year("2026".into())));
    }

    #[test]
    fn what_is_no_date_is_withheld() {
        for text in ["", "last March", "2026-3-09", "2026-13", "2026-02-30", "2026-03-09T04:00", "26-03-09", "٢٠٢٦"]
        {
            for how in [Generalisation::Month, Generalisation::Year, Generalisation::AgeGroup] {
                assert!(coarse_text(text, how).is_none(), "{text}");
            }
        }
    }

    #[test]
    fn a_birth_date_becomes_minor_adult_or_unknown() {
        let group = |text| coarse_text(text, Generalisation::AgeGroup);
        assert!(group("2008-11-22") == Some(CoarseValue::AgeGroup(AgeGroup::Adult)));
        assert!(group("2008-11-23") == Some(CoarseValue::AgeGroup(AgeGroup::Minor)));
        assert!(group("2008-11") == Some(CoarseValue::AgeGroup(AgeGroup::Unknown)));
        assert!(group("2008-10") == Some(CoarseValue::AgeGroup(AgeGroup::Adult)));
        assert!(group("2008") == Some(CoarseValue::AgeGroup(AgeGroup::Unknown)));
        assert!(group("2009") == Some(CoarseValue::AgeGroup(AgeGroup::Minor)));
        assert!(group("2007") == Some(CoarseValue::AgeGroup(AgeGroup::Adult)));
        assert!(group("2027-01-01").is_none(), "nobody is born in the future");
    }

    #[test]
    fn who_was_born_on_a_leap_day_is_a_minor_until_march() {
        let group = |today| coarse(&Value::Text("2008-02-29".into()), Generalisation::AgeGroup, day(today));
        assert!(group("2026-02-28") == Some(CoarseValue::AgeGroup(AgeGroup::Minor)));
        assert!(group("2026-03-01") == Some(CoarseValue::AgeGroup(AgeGroup::Adult)));
    }

    #[test]
    fn an_age_becomes_minor_or_adult_and_an_impossible_one_is_withheld() {
        let group = |years| coarse(&Value::Number(years), Generalisation::AgeGroup, day("2026-11-22"));
        assert!(group(17) == Some(CoarseValue::AgeGroup(AgeGroup::Minor)));
        assert!(group(18) == Some(CoarseValue::AgeGroup(AgeGroup::Adult)));
        assert!(group(0).is_none());
        assert!(group(131).is_none());
    }

    #[test]
    fn a_postal_code_becomes_its_province_and_any_other_part_of_an_address_is_withheld() {
        let place = |text| coarse_text(text, Generalisation::Province);
        assert!(place("K1A 0B1") == Some(CoarseValue::Province(Jurisdiction::On)));
        assert!(place("h2x1y4") == Some(CoarseValue::Province(Jurisdiction::Qc)));
        for text in ["X0A 0H0", "D1A 1A1", "12 Rue Principale", "Sudbury", "K1A", "K1A 0B1 extra", ""] {
            assert!(place(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_number_becomes_a_band_and_not_known_is_withheld() {
        let band = |number| coarse(&Value::Number(number), Generalisation::NumberBand, day("2026-11-22"));
        assert!(band(0).is_none());
        assert!(band(1) == Some(CoarseValue::Band(NumberBand::One)));
        assert!(band(2) == Some(CoarseValue::Band(NumberBand::TwoToFour)));
        assert!(band(9) == Some(CoarseValue::Band(NumberBand::FiveToNine)));
        assert!(band(10) == Some(CoarseValue::Band(NumberBand::TenOrMore)));
    }

    #[test]
    fn a_value_of_another_shape_is_withheld() {
        for value in [Value::Flag(true), Value::Texts(vec!["2026-01-01".into()]), Value::Records(Vec::new())] {
            for how in [Generalisation::Month, Generalisation::AgeGroup, Generalisation::NumberBand] {
                assert!(coarse(&value, how, day("2026-11-22")).is_none());
            }
        }
    }
}
