//! What something writes, for whoever reads along through the API. It must not know what it is.

use std::sync::Arc;

use slugline_runtime::Written;
use slugline_server::backend::Output;

/// Reads along from the beginning.
pub fn begin(written: Arc<Written>) -> Box<dyn Output> {
    Box::new(Along { written, at: 0 })
}

struct Along {
    written: Arc<Written>,
    at: u64,
}

impl Output for Along {
    fn read(&mut self, to: &mut String) -> bool {
        let (at, more) = self.written.since(self.at, to);
        self.at = at;
        more
    }
}
