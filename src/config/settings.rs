//! The settings of each file, as the officer who fills them in reads them. Their doc comments are the reference:
//! `outturn schema` prints them.

mod contract;
mod dataset;
mod feed;
mod measure;
mod project;

use serde::{Deserialize, Deserializer};

pub use self::contract::*;
pub use self::dataset::*;
pub use self::feed::*;
pub use self::measure::*;
pub use self::project::*;
pub use crate::normalise::format::settings::FormatConfig;

/// A day, written with or without quotes.
pub(crate) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<chrono::NaiveDate, D::Error> {
    let text = day_or_time(deserializer)?;
    let known = chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d");
    known.map_err(|_| serde::de::Error::custom(format!("expected a day such as 2025-04-01, found `{text}`")))
}

/// The text of a day or time, written with or without quotes.
pub(crate) fn day_or_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Plain(toml::value::Datetime),
        Quoted(String),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Plain(time) => time.to_string(),
        Written::Quoted(time) => time,
    })
}
