//! Stub.
use super::{Asking, Haul, Visit};
pub(super) async fn fetch(_visit: &Visit<'_>, _template: &str, _asking: &Asking, _synthetic: bool) -> Haul {
    Haul::default()
}
pub(super) fn is_monthly(_p: &crate::config::Project, _f: &crate::config::settings::FeedConfig) -> bool {
    false
}
pub(super) struct Server;
impl Server {
    pub(super) fn of(_a: &str) -> Result<Self, String> {
        Ok(Self)
    }
}
pub(super) fn query(
    _p: &crate::config::Project,
    _f: &crate::config::settings::FeedConfig,
) -> std::io::Result<String> {
    Ok(String::new())
}
