//! What identifies a person becomes a pseudonym before it is kept anywhere.
//!
//! A pseudonym is HMAC-SHA-256(HMAC-SHA-256(key, purpose), value in its agreed form). It is the same wherever the same
//! person comes in the same form, so that people can be counted across agencies, and cannot be undone without the key.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::contract::{Contract, Origin};
use super::csv::Fields;
use super::dates::Dates;
use crate::config::settings::{ColumnConfig, ColumnType, PersonForm};
use crate::config::{Project, span_of};
use crate::diagnose::{Problem, Source};
use crate::secret;

type Keyed = Hmac<Sha256>;

/// Fewest characters of a key.
const SHORTEST_KEY: usize = 32;
/// What is digested under a key to tell it from others; no value of a person has a line feed in front.
const KEY_ID: &[u8] = b"\nkey id of outturn's pseudonyms";

/// The key of a project's pseudonyms. It shows itself to nobody.
#[derive(Clone)]
pub struct PersonKey(Keyed);

impl std::fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl PersonKey {
    /// From the secret text; `None` when it is too short to be a key.
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        if key.chars().count() < SHORTEST_KEY {
            return None;
        }
        Keyed::new_from_slice(key.as_bytes()).ok().map(Self)
    }

    /// Digits by which this key is told from another one, and from which it cannot be found.
    #[must_use]
    pub fn id(&self) -> String {
        let mut id = hex::encode(digest(&self.0, KEY_ID));
        id.truncate(32);
        id
    }

    /// The key for one purpose.
    fn for_purpose(&self, purpose: &str) -> Option<Keyed> {
        Keyed::new_from_slice(&digest(&self.0, purpose.as_bytes())).ok()
    }
}

fn digest(key: &Keyed, text: &[u8]) -> [u8; 32] {
    let mut key = key.clone();
    key.update(text);
    key.finalize().into_bytes().into()
}

/// The key that a project's settings name; `None` when no contract has a column of persons.
///
/// # Errors
/// A missing setting, and a secret that cannot be read or is too short.
pub fn key_of(project: &Project) -> Result<Option<PersonKey>, Box<Problem>> {
    let first = project.contracts.values().find_map(|contract| {
        let number = contract.config.column.iter().position(|column| column.person)?;
        Some((contract, number))
    });
    let Some((contract, number)) = first else { return Ok(None) };
    let Some(settings) = &project.settings.pseudonyms else {
        let span = span_of(&contract.source, &["column", &number.to_string(), "person"]);
        let message = "a column of persons needs a key, and outturn.toml has no [pseudonyms]";
        let problem = Problem::new(&contract.source, span, message);
        return Err(Box::new(problem.help("add [pseudonyms] with key = \"${env:NAME}\" to outturn.toml")));
    };
    let problem = |message: String| {
        let mut text = std::fs::read_to_string(project.root.join("outturn.toml")).unwrap_or_default();
        if !secret::is_named_in(&settings.key) {
            // A key that was written where it should be named is not shown once more.
            text = text.replace(&settings.key, &"*".repeat(settings.key.len()));
        }
        let source = Source::new("outturn.toml", text);
        Box::new(Problem::new(&source, span_of(&source, &["pseudonyms", "key"]), message))
    };
    if !secret::is_named_in(&settings.key) {
        return Err(problem(
            "a key is not written here: name it with ${env:NAME} or ${file:PATH}".to_owned(),
        ));
    }
    let secret = secret::resolve(&settings.key, &project.root).map_err(|error| problem(error.to_string()))?;
    match PersonKey::new(secret.expose()) {
        Some(key) => Ok(Some(key)),
        None => Err(problem(format!("the key has fewer than {SHORTEST_KEY} characters"))),
    }
}

/// How one column's values become pseudonyms.
#[derive(Debug, Clone)]
pub(super) struct Pseudonym {
    form: PersonForm,
    dates: Dates,
    /// `None` where the key is not needed, as for a reader of the warehouse.
    key: Option<PersonKey>,
}

impl Pseudonym {
    pub(super) fn new(config: &ColumnConfig, key: Option<&PersonKey>) -> Self {
        let purpose = config.purpose.as_deref().unwrap_or("partnership");
        Self {
            form: config.person_form,
            // A format that is none was reported where the settings are checked.
            dates: Dates::new(&config.formats, config.excel_serials).unwrap_or_default(),
            key: key.and_then(|key| key.for_purpose(purpose)).map(PersonKey),
        }
    }

    /// The pseudonym of a value as 64 hexadecimal digits; `None` where the value has not the agreed form.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        let form = self.canonical(text)?;
        Some(hex::encode(digest(&self.key.as_ref()?.0, form.as_bytes())))
    }

    /// The value in its agreed form; `None` where it has not got it, or nothing is left of it.
    fn canonical(&self, text: &str) -> Option<String> {
        let form = match self.form {
            PersonForm::Text => fold(text),
            PersonForm::Letters => {
                text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
            }
            PersonForm::Digits => text.chars().filter(char::is_ascii_digit).collect(),
            PersonForm::NhsNumber => nhs_number(text)?,
            PersonForm::Date => self.dates.day(text.trim())?.to_string(),
        };
        (!form.is_empty()).then_some(form)
    }

    /// What a value should have been, for a message.
    pub(super) fn told(&self) -> &'static str {
        match self.form {
            PersonForm::Text | PersonForm::Letters => "expected a text with letters or digits",
            PersonForm::Digits => "expected digits",
            PersonForm::NhsNumber => "expected an NHS number of ten digits with a right check digit",
            PersonForm::Date => "expected a date as agreed",
        }
    }
}

/// Small letters, blanks taken off both ends, several blanks as one.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

/// The ten digits of an NHS number; the last is a check digit, 11 less the weighted sum of the others modulo 11.
fn nhs_number(text: &str) -> Option<String> {
    if !text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || c == '-') {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let numbers: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(10)).collect();
    let (check, first) = numbers.split_last()?;
    if first.len() != 9 {
        return None;
    }
    let sum: u32 = first.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    ((11 - sum % 11) % 11 == *check).then_some(digits)
}

/// Words by which a column is known to hold what identifies or describes one person.
const PERSONAL: [&[&str]; 33] = [
    &["nhs", "number"],
    &["nhs", "no"],
    &["nhs", "num"],
    &["nhsnumber"],
    &["nhsno"],
    &["dob"],
    &["date", "of", "birth"],
    &["birth", "date"],
    &["birthdate"],
    &["dateofbirth"],
    &["postcode"],
    &["post", "code"],
    &["surname"],
    &["forename"],
    &["forenames"],
    &["first", "name"],
    &["firstname"],
    &["last", "name"],
    &["lastname"],
    &["family", "name"],
    &["given", "name"],
    &["full", "name"],
    &["fullname"],
    &["address"],
    &["email"],
    &["e", "mail"],
    &["telephone"],
    &["phone"],
    &["mobile"],
    &["ni", "number"],
    &["national", "insurance"],
    &["nino"],
    &["passport"],
];
/// People of whom a column may hold the name.
const PEOPLE: [&str; 16] = [
    "victim",
    "victims",
    "suspect",
    "offender",
    "child",
    "client",
    "person",
    "complainant",
    "patient",
    "caller",
    "witness",
    "perpetrator",
    "tenant",
    "parent",
    "carer",
    "aggrieved",
];

/// The words for which a column seems to be personal; `None` where its name says nothing of the kind.
#[must_use]
pub(crate) fn sounds_personal(name: &str) -> Option<String> {
    let words = words(name);
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|found| found == wanted);
    if let Some(found) = PERSONAL.iter().find(|wanted| has(wanted)) {
        return Some(found.join(" "));
    }
    let person = words.iter().find(|word| PEOPLE.contains(&word.as_str()))?;
    let name = words.iter().any(|word| word == "name" || word == "names");
    name.then(|| format!("name of {person}"))
}

/// `DateOfBirth`, `date_of_birth` and `Date of birth` in small words.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Rows of a delivery that are looked at.
const SAMPLE: usize = 100;
/// Fewest values that tell something.
const ENOUGH: usize = 20;

/// What values are called, and whether one looks like it.
type Shape = (&'static str, fn(&str) -> bool);

/// What identifies people and can be told by its form alone.
const SHAPES: [Shape; 4] = [
    ("NHS numbers", |text| nhs_number(text).is_some()),
    ("NI numbers", is_ni_number),
    ("postcodes", is_postcode),
    ("e-mail addresses", is_email),
];

/// A look at the first rows of a delivery: a column that is kept in the clear must not hold what identifies people.
pub(super) struct Sample {
    columns: Vec<Sampled>,
    rows: usize,
}

struct Sampled {
    position: usize,
    header: String,
    values: usize,
    like: [usize; SHAPES.len()],
}

impl Sample {
    /// For the columns that a contract keeps in the clear, and of which it does not say why.
    pub(super) fn new(contract: &Contract, positions: &[usize]) -> Self {
        let columns = contract.columns.iter().filter_map(|column| {
            let Origin::Field(field) = &column.origin else { return None };
            let config = contract.config.column.iter().find(|config| config.name == column.name)?;
            let plain = matches!(column.kind, ColumnType::Text | ColumnType::Category | ColumnType::Integer)
                && column.codes.is_none()
                && column.lookup.is_none();
            if !plain || column.masked || config.not_personal.is_some() {
                return None;
            }
            let (position, header) = (*positions.get(*field)?, column.header.clone());
            Some(Sampled { position, header, values: 0, like: [0; SHAPES.len()] })
        });
        Self { columns: columns.collect(), rows: 0 }
    }

    /// Looks at the next row, as long as they are few.
    #[inline]
    pub(super) fn look_at(&mut self, fields: &Fields) {
        if self.rows < SAMPLE {
            self.take(fields);
        }
    }

    fn take(&mut self, fields: &Fields) {
        self.rows += 1;
        for column in &mut self.columns {
            let text = fields.get(column.position).trim();
            if text.is_empty() {
                continue;
            }
            column.values += 1;
            for (count, (_, is_like)) in column.like.iter_mut().zip(SHAPES) {
                *count += usize::from(is_like(text));
            }
        }
    }

    /// Why the delivery cannot be kept: four values of five in a column look like what identifies people.
    pub(super) fn verdict(&self) -> Option<String> {
        self.columns.iter().filter(|column| column.values >= ENOUGH).find_map(|column| {
            let alike = column.like.iter().zip(SHAPES).find(|(count, _)| **count * 5 >= column.values * 4);
            let (_, (shape, _)) = alike?;
            Some(format!(
                "column `{}` looks like {shape}: its contract has to say person, drop or not-personal",
                column.header
            ))
        })
    }
}

fn is_ni_number(text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_uppercase()).collect();
    match text.as_slice() {
        [a, b, digits @ .., last] => {
            a.is_ascii_alphabetic()
                && b.is_ascii_alphabetic()
                && digits.len() == 6
                && digits.iter().all(u8::is_ascii_digit)
                && (b'A'..=b'D').contains(last)
        }
        _ => false,
    }
}

/// Outward part (a letter or two, a digit, perhaps one more character), inward part (a digit, two letters).
fn is_postcode(text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    let [outward @ .., digit, a, b] = text.as_slice() else { return false };
    let letters = outward.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let rest = outward.get(letters..).unwrap_or_default();
    let outward = (1..=2).contains(&letters)
        && match rest {
            [digit] => digit.is_ascii_digit(),
            [digit, more] => digit.is_ascii_digit() && more.is_ascii_alphanumeric(),
            _ => false,
        };
    outward && digit.is_ascii_digit() && a.is_ascii_alphabetic() && b.is_ascii_alphabetic()
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let plain = |text: &str| !text.is_empty() && !text.contains([' ', '@', ',']);
    plain(name) && plain(host) && host.split('.').count() > 1 && host.split('.').all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identifies_people_is_known_by_its_form() {
        let shape = |text: &str| SHAPES.iter().find(|(_, is_like)| is_like(text)).map(|(shape, _)| *shape);
        for (text, like) in [
            ("943 476 5919", Some("NHS numbers")),
            ("QQ 12 34 56 C", Some("NI numbers")),
            ("qq123456c", Some("NI numbers")),
            ("SW1A 1AA", Some("postcodes")),
            ("m11ae", Some("postcodes")),
            ("a.b@example.org", Some("e-mail addresses")),
            ("E01012345", None),
            ("E22000030", None),
            ("2025-07-03", None),
            ("C04-01", None),
            ("K1", None),
            ("Violence and sexual offences", None),
            ("a@b", None),
            ("@", None),
            ("é1 1ÀA", None),
        ] {
            assert_eq!(shape(text), like, "{text}");
        }
    }

    const KEY: &str = "a key of at least thirty-two characters";

    fn pseudonym(form: PersonForm, purpose: &str, text: &str) -> Option<String> {
        let config =
            ColumnConfig { person_form: form, purpose: Some(purpose.to_owned()), ..ColumnConfig::default() };
        Pseudonym::new(&config, PersonKey::new(KEY).as_ref()).of(text)
    }

    #[test]
    fn the_digest_is_that_of_rfc_4231() {
        // Test case 2.
        let key = Keyed::new_from_slice(b"Jefe").unwrap();
        assert_eq!(
            hex::encode(digest(&key, b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn one_person_is_one_pseudonym_however_written() {
        let of = |text| pseudonym(PersonForm::Text, "p", text).unwrap();
        assert_eq!(of("  Ann   LEE "), of("ann lee"));
        assert_ne!(of("ann lee"), of("ann le"));
        let letters = |text| pseudonym(PersonForm::Letters, "p", text).unwrap();
        assert_eq!(letters("O'Neill"), letters("ONEILL"));
        let nhs = |text| pseudonym(PersonForm::NhsNumber, "p", text);
        assert_eq!(nhs("943 476 5919"), nhs("9434765919"));
        assert!(nhs("9434765919").is_some());
        assert_eq!(pseudonym(PersonForm::Text, "p", " \u{a0} "), None);
    }

    #[test]
    fn an_nhs_number_has_ten_digits_and_a_check_digit() {
        // The example of the NHS data dictionary, and one whose check digit is 0.
        for (text, right) in [
            ("943 476 5919", true),
            ("9434765918", false),
            ("943476591", false),
            ("94347659190", false),
            ("9434765919x", false),
            ("", false),
        ] {
            assert_eq!(nhs_number(text).is_some(), right, "{text}");
        }
    }

    #[test]
    fn pseudonyms_of_two_purposes_or_keys_cannot_be_brought_together() {
        let of = |purpose| pseudonym(PersonForm::Text, purpose, "ann lee").unwrap();
        assert_ne!(of("repeat victims"), of("cohort"));
        let (one, other) = (PersonKey::new(KEY).unwrap(), PersonKey::new(&format!("{KEY}!")).unwrap());
        assert_ne!(one.id(), other.id());
        assert_eq!(one.id(), PersonKey::new(KEY).unwrap().id());
        assert!(PersonKey::new("short").is_none());
        assert!(!format!("{one:?}").contains("key of"));
    }

    #[test]
    fn a_personal_column_is_known_by_its_name() {
        for name in [
            "NHS number",
            "NHS_No",
            "nhsNumber",
            "Date of Birth",
            "DOB",
            "dateOfBirth",
            "Victim Postcode",
            "post_code",
            "Surname",
            "Name of victim",
            "victim_name",
            "Home address",
            "E-mail",
            "Telephone",
            "NI number",
        ] {
            assert!(sounds_personal(name).is_some(), "{name}");
        }
        for name in [
            "LSOA name",
            "operation_name",
            "Crime type",
            "Outcome",
            "Falls within",
            "Local authority name",
            "numbers",
            "Victims",
            "Person search",
            "Dobson ward",
        ] {
            assert_eq!(sounds_personal(name), None, "{name}");
        }
    }
}
