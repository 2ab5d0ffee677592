//! How fast the reader of CSV is by itself: `cargo run --release --example read_records -- FILE [COLUMN ...]` reads every
//! record of a file and looks at every field, adding up the numbers of the columns that are named.
//!
//! Nothing is judged, looked up or kept. `benches/reading.py` holds it against `read_csv` of another program.

use std::fs::File;
use std::io::{self, Write as _};

use outturn::normalise::csv::{Fields, Records};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name the file to read")?;
    let named: Vec<String> = arguments.collect();
    let mut records = Records::new(File::open(&path)?, b',');
    let mut fields = Fields::default();
    let (_, header) = records.next(&mut fields)?.ok_or("the file is empty")?;
    header.map_err(|flaw| format!("the header cannot be read: {flaw:?}"))?;
    let place =
        |name: &String| fields.iter().position(|field| field == name).ok_or(format!("no column {name}"));
    let places = named.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let mut sums = vec![0.0; places.len()];
    let (mut rows, mut bytes, mut flaws) = (0_u64, 0, 0_u64);
    while let Some((_, record)) = records.next(&mut fields)? {
        match record {
            Ok(()) => rows += 1,
            Err(_) => flaws += 1,
        }
        bytes += fields.iter().map(str::len).sum::<usize>();
        for (sum, place) in sums.iter_mut().zip(&places) {
            *sum += fields.get(*place).parse().unwrap_or(0.0);
        }
    }
    writeln!(
        io::stdout(),
        "{rows} records, {flaws} that cannot be read, {bytes} bytes in fields, sums {sums:?}"
    )?;
    Ok(())
}
