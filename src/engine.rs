//! stub
/// x
pub fn plain_message(e: &datafusion::error::DataFusionError) -> String { e.to_string() }
