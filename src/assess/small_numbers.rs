//! Numbers in what owners write that may tell of few people.

use std::ops::Range;

/// A number in a text that may tell of few people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it stands.
    pub at: Range<usize>,
    /// The number.
    pub number: u32,
}

impl Found {
    /// Whether it tells of few by itself, whatever is withheld.
    #[must_use]
    pub fn is_small(&self) -> bool {
        (1..=4).contains(&self.number)
    }
}

/// The numbers in a text that may tell of few people, in their order: the digits 1 to 4 where they stand alone, not in a
/// percentage, a date, a decimal, a reference such as `Q1`, or the number of a list item; and words from zero to ninety-nine
/// that count.
#[must_use]
pub fn find(text: &str) -> Vec<Found> {
    let digit = |at: &Range<usize>| text.get(at.clone()).and_then(|digit| digit.parse().ok());
    let digits = small_digits(text).into_iter().filter_map(|at| Some(Found { number: digit(&at)?, at }));
    let mut all: Vec<Found> = digits.chain(counting_words(text)).collect();
    all.sort_by_key(|found| found.at.start);
    all
}

fn small_digits(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied().unwrap_or(b' ');
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"/-_%+".contains(&byte);
    (0..bytes.len())
        .filter(|index| (b'1'..=b'4').contains(&at(Some(*index))))
        .filter(|index| {
            let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
            let point = |byte: u8| byte == b'.' || byte == b',';
            let decimal = (point(before) && at(index.checked_sub(2)).is_ascii_digit())
                || (point(after) && at(Some(index + 2)).is_ascii_digit());
            !joins(before) && !joins(after) && !decimal
        })
        .filter(|index| {
            let line = text.get(..*index).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
            let item = line.trim().is_empty() && matches!(at(Some(index + 1)), b'.' | b')');
            let rest = text.get(index + 1..).unwrap_or_default().trim_start();
            !item && !is_unit(rest)
        })
        .map(|index| index..index + 1)
        .collect()
}

/// Whether what follows makes the number a share, a sum or a date.
fn is_unit(rest: &str) -> bool {
    const UNITS: [&str; 21] = [
        "%",
        "per cent",
        "percent",
        "percentage",
        "January",
        "February",
        "March",
        "April",
        "May ",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "months",
        "years",
        "weeks",
        "days",
        "hours",
    ];
    UNITS.iter().any(|unit| rest.starts_with(unit))
}

/// What few people, or what happened to them, are called where they are counted: for one, and for several.
const COUNTED: [(&str, &str); 56] = [
    ("adult", "adults"),
    ("arrest", "arrests"),
    ("assault", "assaults"),
    ("attack", "attacks"),
    ("boy", "boys"),
    ("burglary", "burglaries"),
    ("call", "calls"),
    ("case", "cases"),
    ("casualty", "casualties"),
    ("caution", "cautions"),
    ("charge", "charges"),
    ("child", "children"),
    ("client", "clients"),
    ("complainant", "complainants"),
    ("complaint", "complaints"),
    ("conviction", "convictions"),
    ("crime", "crimes"),
    ("death", "deaths"),
    ("defendant", "defendants"),
    ("family", "families"),
    ("girl", "girls"),
    ("homicide", "homicides"),
    ("household", "households"),
    ("incident", "incidents"),
    ("individual", "individuals"),
    ("injury", "injuries"),
    ("man", "men"),
    ("murder", "murders"),
    ("neighbour", "neighbours"),
    ("offence", "offences"),
    ("offender", "offenders"),
    ("parent", "parents"),
    ("patient", "patients"),
    ("pensioner", "pensioners"),
    ("perpetrator", "perpetrators"),
    ("person", "people"),
    ("person", "persons"),
    ("pupil", "pupils"),
    ("rape", "rapes"),
    ("referral", "referrals"),
    ("report", "reports"),
    ("resident", "residents"),
    ("robbery", "robberies"),
    ("search", "searches"),
    ("stabbing", "stabbings"),
    ("student", "students"),
    ("suicide", "suicides"),
    ("survivor", "survivors"),
    ("suspect", "suspects"),
    ("teenager", "teenagers"),
    ("tenant", "tenants"),
    ("theft", "thefts"),
    ("victim", "victims"),
    ("witness", "witnesses"),
    ("woman", "women"),
    ("youth", "youths"),
];

/// Words for numbers, from zero; those for less than twenty are one word each.
const NUMBERS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

/// Words for tens, from twenty.
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The words for numbers that count somebody: before a word of [`COUNTED`] with at most two others between them (`three
/// young people`, `two of the victims`), or before `was`, `were`, `has`, `have`, `had`, `of them` and `of whom` (`four were
/// charged`). `single`, `couple` and `pair` are numbers too, and `twenty-three` is one. Not a part of another word
/// (`one-off`) or of a number from a hundred up (`two hundred`), and not `one` for somebody or something (`no one was`,
/// `the new one has`).
fn counting_words(text: &str) -> Vec<Found> {
    let words = words(text);
    let word = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |(_, word)| word.as_str());
    let between = |at: usize| {
        let (one, next) = words.get(at).zip(words.get(at + 1))?;
        text.get(one.0.end..next.0.start)
    };
    // Words that follow each other with nothing but blanks, or marks of emphasis, between them.
    let adjoins = |at: usize| {
        between(at).is_some_and(|text| text.chars().all(|c| c.is_whitespace() || c == '*' || c == '_'))
    };
    let place = |known: &[&str], word: &str| {
        known.iter().position(|known| *known == word).and_then(|place| u32::try_from(place).ok())
    };
    // Tens, with a unit where one follows: the number, and where its last word stands.
    let tens = |at: usize| {
        let tens = 20 + 10 * place(&TENS, word(Some(at)))?;
        let unit = place(&NUMBERS, word(Some(at + 1))).filter(|unit| (1..=9).contains(unit));
        let joined = between(at) == Some("-") || adjoins(at);
        Some(unit.filter(|_| joined).map_or((tens, at), |unit| (tens + unit, at + 1)))
    };
    let mut found = Vec::new();
    for (at, (first, own)) in words.iter().enumerate() {
        let (number, last) = match own.as_str() {
            "single" => (1, at),
            "couple" | "pair" => (2, at),
            own => match place(&NUMBERS, own).map(|number| (number, at)).or_else(|| tens(at)) {
                Some(number) => number,
                None => continue,
            },
        };
        if at.checked_sub(1).and_then(tens).is_some_and(|(_, last)| last == at) {
            continue;
        }
        let Some((end, _)) = words.get(last) else { continue };
        let range = first.start..end.end;
        let before = at.checked_sub(1).filter(|before| adjoins(*before));
        let two_before = before.and_then(|before| before.checked_sub(1)).filter(|at| adjoins(*at));
        let joined = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)) == Some(&b'-');
        let greater = |word: &str| matches!(word, "hundred" | "thousand" | "million" | "dozen");
        let part = joined(range.start.checked_sub(1))
            || joined(Some(range.end))
            || greater(word(before))
            || (word(before) == "and" && greater(word(two_before)));
        let follows: Vec<&str> =
            (last..).take_while(|at| adjoins(*at)).take(3).map(|at| word(Some(at + 1))).collect();
        if part || follows.first().is_some_and(|next| greater(next)) {
            continue;
        }
        let of_many = number != 1 || follows.first() == Some(&"of");
        let is_counted = |word: &&str| {
            COUNTED.iter().any(|(one, several)| if of_many { several == word } else { one == word })
        };
        let is_pronoun = own == "one"
            && matches!(
                word(before),
                "a" | "an"
                    | "another"
                    | "any"
                    | "each"
                    | "every"
                    | "first"
                    | "last"
                    | "new"
                    | "next"
                    | "no"
                    | "old"
                    | "other"
                    | "second"
                    | "that"
                    | "the"
                    | "this"
                    | "which"
            );
        let told = match follows.as_slice() {
            ["was" | "were" | "has" | "have" | "had", ..] | ["of", "them" | "whom", ..] => {
                !is_pronoun && own != "single"
            }
            _ => false,
        };
        if told || follows.iter().any(is_counted) {
            found.push(Found { at: range, number });
        }
    }
    found
}

/// The words of a text in small letters, each with its place.
fn words(text: &str) -> Vec<(Range<usize>, String)> {
    let mut words = Vec::new();
    let mut begins = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match begins {
            None if letter.is_alphanumeric() => begins = Some(at),
            Some(start) if !letter.is_alphanumeric() => {
                words.push((start..at, text.get(start..at).unwrap_or_default().to_lowercase()));
                begins = None;
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_count_that_stands_alone_is_found_and_other_small_digits_are_not() {
        let found = |text: &str| -> Vec<String> {
            find(text).into_iter().map(|found| text[found.at].to_owned()).collect()
        };
        assert_eq!(found("In all, 3 young people were cautioned, and (2) moved away: 4."), ["3", "2", "4"]);
        for text in [
            "Down 4% on the year, or 3 per cent.",
            "In Q1 and 2025/26 there were 14 of 4,210; 3.5 and 0.4 on average.",
            "On 1 April 2025 the 2nd ward was added to tier-1 work.",
            "1. First point\n2) Second point",
            "Over 3 months, 5 residents and 10 others",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn a_number_in_words_is_found_where_it_counts_and_not_where_it_does_something_else() {
        let all = |text: &str| -> Vec<(String, u32)> {
            find(text).into_iter().map(|found| (text[found.at].to_owned(), found.number)).collect()
        };
        let found = |text: &str| -> Vec<(String, bool)> {
            find(text)
                .into_iter()
                .map(|found| (text[found.at.clone()].to_owned(), found.is_small()))
                .collect()
        };
        for (text, word) in [
            ("Three people were cautioned.", "Three"),
            ("There were four incidents in the park.", "four"),
            ("We know of one victim.", "one"),
            ("**Two** young people moved away.", "Two"),
            ("Of those charged, two were under 18.", "two"),
            ("Of the arrests, three of them came late.", "three"),
            ("Two of the victims knew each other.", "Two"),
            ("A couple of residents complained.", "couple"),
            ("A single further report came in.", "single"),
            ("One was cautioned.", "One"),
        ] {
            assert_eq!(found(text), [(word.to_owned(), true)], "{text}");
        }
        assert_eq!(
            all(
                "Seven children, zero murders, nineteen thefts, twenty-three young people, Ninety were charged; sixty one men."
            ),
            [
                ("Seven", 7),
                ("zero", 0),
                ("nineteen", 19),
                ("twenty-three", 23),
                ("Ninety", 90),
                ("sixty one", 61)
            ]
            .map(|(word, number)| (word.to_owned(), number))
        );
        for text in [
            "No one was hurt, and this one has ended; each one was new.",
            "One of the priorities is crime, and one could see it.",
            "A one-off event, two hundred residents, a hundred and three victims, a hundred and twenty-three men.",
            "Three dozen people came over two years; four per cent fewer.",
            "The two authorities share three crime priorities, and one team.",
            "Everyone was told. Someone, none, often, weight: people.",
            "On the one hand, people report more. Of two, reports fell.",
            "45 victims, twenty-one priorities, thirty thousand people.",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
