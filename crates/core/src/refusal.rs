//! A change that is not made, said to a person: what is wrong, and what to do next. It must not
//! know how it is shown; each operation has its own error type and turns it into this.

/// One reason why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong; may have several lines.
    pub text: String,
    /// What to do next; may have several lines.
    pub hint: Option<String>,
    /// Whether it is only not confirmed yet (S14).
    pub confirmable: bool,
}

impl Refusal {
    /// A refusal that speaks for itself.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hint: None,
            confirmable: false,
        }
    }

    /// The same refusal, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same refusal, which whoever confirms the change does not meet.
    #[must_use]
    pub fn confirmable(mut self) -> Self {
        self.confirmable = true;
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
