//! A folder that is dear to make, made once for all tests of a test run.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder that all tests of this test run share, whether they are threads of one process or processes of their own:
/// the first one makes it, under a lock, and the others wait. It stays until the next test run.
pub(crate) fn folder(name: &str, make: impl FnOnce(&Path)) -> (File, PathBuf) {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = place.join(name);
    let run = std::env::var_os("NEXTEST_RUN_ID").and_then(|id| id.into_string().ok());
    let run = run.unwrap_or_else(|| std::process::id().to_string());
    let stands = || fs::read_to_string(folder.join("made-for")).is_ok_and(|made_for| made_for == run);
    let lock = File::create(place.join(format!("{name}.lock"))).expect("the folder for tests can be written");
    loop {
        lock.lock_shared().expect("the folder for tests can be locked");
        if stands() {
            return (lock, folder);
        }
        lock.unlock().expect("the folder for tests can be unlocked");
        if lock.try_lock().is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder for tests can be written");
    make(&folder);
    fs::write(folder.join("made-for"), &run).expect("the folder for tests can be written");
    lock.unlock().expect("the folder for tests can be unlocked");
    lock.lock_shared().expect("the folder for tests can be locked");
    assert!(stands(), "another test run took the folder");
    (lock, folder)
}
