//! The process in which the server carries out a command of a client: what it was told, and the bounds within
//! which it acts. It must not know how the client speaks with the server.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slugline_core::app::AppName;

/// The word that the server puts first. Nobody types it.
pub const NAME: &str = "remote:command";

/// What a client has asked for, as far as it may. No `Debug`: its words may hold secrets, which is also why
/// they are no arguments, that everybody at the machine could read.
#[derive(Clone, Serialize, Deserialize)]
pub struct Asked {
    /// The command with its arguments.
    pub words: Vec<String>,
    /// The app that it is about, and the only one that it may be about.
    pub app: Option<String>,
    /// Whether it may see and change everything.
    pub machine: bool,
    /// The token that it is asked for with.
    pub token: String,
    /// The one app that its token is for.
    pub only: Option<String>,
    /// The API as the client has reached it.
    pub url: String,
    /// What was typed as the path of a file or folder, and where that is now.
    pub paths: Vec<(String, PathBuf)>,
}

impl Asked {
    /// The app that it is about.
    pub fn app(&self) -> Option<AppName> {
        self.app.as_deref().and_then(|app| AppName::new(app).ok())
    }

    /// Where the file or folder is that was typed so. What was not sent is nowhere: nothing of this machine is
    /// meant.
    pub fn path(&self, typed: &Path) -> PathBuf {
        let sent = self.paths.iter().find(|(path, _)| Path::new(path) == typed);
        sent.map_or_else(|| PathBuf::from("/nonexistent"), |(_, to)| to.clone())
    }

    /// A text in which files and folders are named as they were typed.
    pub fn as_typed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (typed, is) in &self.paths {
            text = text.replace(&is.display().to_string(), typed);
        }
        text
    }
}

/// Whether this process was started to carry out what a client asks for.
pub fn is_meant(words: &[String]) -> bool {
    words.get(1).is_some_and(|word| word == NAME)
}

/// Reads what is asked for, and leaves the group and the terminal of the server.
///
/// # Errors
/// Where there is nothing to read, or the terminal cannot be taken.
pub fn begin(words: &[String]) -> io::Result<Asked> {
    let path = words.get(2).ok_or(io::ErrorKind::InvalidInput)?;
    let text = fs::read(path)?;
    fs::remove_file(path)?;
    nix::unistd::setsid()?;
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    let all = [input.as_fd(), output.as_fd(), errors.as_fd()];
    if let Some(terminal) = all.iter().find(|one| one.is_terminal()) {
        rustix::process::ioctl_tiocsctty(terminal)?;
    }
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_is_there() {
        let asked = Asked {
            words: Vec::new(),
            app: Some("shop".to_owned()),
            machine: false,
            token: String::new(),
            only: None,
            url: String::new(),
            paths: vec![("source".to_owned(), "/h/remote/x/sent-0".into())],
        };
        assert_eq!(
            asked.path(Path::new("source")),
            Path::new("/h/remote/x/sent-0")
        );
        for other in ["/etc/passwd", "./source/../x", ".", ""] {
            let nowhere = Path::new("/nonexistent");
            assert_eq!(asked.path(Path::new(other)), nowhere, "{other}");
        }
        let text = asked.as_typed("/h/remote/x/sent-0/plugin.yaml is wrong");
        assert_eq!(text, "source/plugin.yaml is wrong");
    }
}
