//! The door from a plugin to all that is outside of it. In the plugin's process the questions
//! travel through it to Slugline. It must not know what stands behind.

use slugline_plugin_api::protocol::{Answer, Question};

/// Performs what a plugin asks for, or says why not.
pub(crate) trait World {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// One line: it is not granted, or did not work.
    fn ask(&self, question: Question) -> Result<Answer, String>;
}
