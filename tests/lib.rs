//! End-to-end stories through the real binary; the tests are in `tests/`. Here is what they share:
//! apps that start in no time, and receivers of what deployhooks send.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use slugline_testkit::environment::{APP, Output, PATIENCE, TestEnvironment};

/// A Procfile of an app that runs nothing: it deploys fastest.
pub const QUIET: &str = "# Nothing runs.\n";

/// A Procfile of an app whose page is its greeting and its release, and that cannot boot where
/// `BROKEN` is set.
pub const WEB: &str = "web: test -z \"$BROKEN\" || { echo \"BROKEN is $BROKEN\"; exit 1; }; \
     echo \"$GREETING from $SLUGLINE_RELEASE_VERSION\" > index.html && exec \"$SLUGLINE_BIN\" static .\n";

/// A whole commit id that begins like this.
#[must_use]
pub fn commit(begins: &str) -> String {
    format!("{begins:0<40}")
}

/// A machine with the app `myapp`, tracked by this tier, if by one.
#[must_use]
pub fn with_app(tier: Option<&str>) -> TestEnvironment {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", APP]).success();
    if let Some(tier) = tier {
        let _ = environment.run(["addons:add", tier]).success();
    }
    environment
}

/// Deploys an app with this Procfile from the folder `source`.
#[track_caller]
pub fn deploy(environment: &TestEnvironment, procfile: &str, commit_begins: &str) {
    environment.write_file("source/Procfile", procfile);
    let commit = commit(commit_begins);
    let words = ["deploy", "source", "--commit", &commit];
    let _ = environment.run(words).success();
}

/// What a process of `myapp` that runs has as `/tmp`, as we see it; its name is such as `web.1`. Processes
/// themselves find it in `TMPDIR` where they do not have it as `/tmp`.
///
/// # Panics
/// Where it does not run.
#[must_use]
#[track_caller]
pub fn temporary_of(environment: &TestEnvironment, process: &str) -> PathBuf {
    let all = std::fs::read_dir(environment.home().join("private"));
    let mut all = all.expect("processes have private folders").flatten();
    let end = format!(".{APP}.{process}");
    let of_process = all.find(|it| it.file_name().to_string_lossy().ends_with(&end));
    of_process.expect("the process runs").path().join("tmp")
}

/// A git repository in the work folder, with this Procfile committed on the branch `main`.
pub fn repository(environment: &TestEnvironment, procfile: &str) {
    let _ = environment
        .git(["init", "--quiet", "--initial-branch=main"])
        .success();
    commit_file(environment, "Procfile", procfile);
}

/// Commits a file.
pub fn commit_file(environment: &TestEnvironment, path: &str, contents: impl AsRef<[u8]>) {
    environment.write_file(path, contents);
    let _ = environment.git(["add", "."]).success();
    let _ = environment
        .git(["commit", "--quiet", "-m", "A change"])
        .success();
}

/// Several commands and their answers, one after the other, for one snapshot.
#[must_use]
pub fn story(outputs: impl IntoIterator<Item = Output>) -> String {
    let shown = outputs.into_iter().map(|output| output.to_string());
    shown.collect::<Vec<_>>().join("\n")
}

/// What came in at a receiver, in order.
pub struct Inbox {
    /// Where it listens.
    pub port: u16,
    messages: Receiver<String>,
}

impl Inbox {
    /// A web server that takes every form, and answers with 200. A message is the form.
    ///
    /// # Panics
    /// Where there is no free port.
    #[must_use]
    pub fn of_forms() -> Self {
        Self::listen(receive_form)
    }

    /// A mail server that takes every mail. A message is what came after `DATA`.
    ///
    /// # Panics
    /// Where there is no free port.
    #[must_use]
    pub fn of_mails() -> Self {
        Self::listen(receive_mail)
    }

    /// The next message.
    ///
    /// # Panics
    /// Where none comes.
    #[must_use]
    #[track_caller]
    pub fn next(&self) -> String {
        let message = self.messages.recv_timeout(PATIENCE);
        message.expect("a message comes")
    }

    /// The subject of the next mail.
    ///
    /// # Panics
    /// Where none comes, or without one.
    #[must_use]
    #[track_caller]
    pub fn next_subject(&self) -> String {
        let mail = self.next();
        let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: "));
        subject.expect("a mail has a subject").to_owned()
    }

    /// Whether nothing has come that was not asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.try_recv().is_err()
    }

    fn listen(receive: fn(TcpStream) -> std::io::Result<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let (sender, messages): (Sender<String>, _) = channel();
        std::thread::spawn(move || {
            let connections = listener.incoming().map_while(Result::ok);
            let received = connections.filter_map(|connection| receive(connection).ok());
            // The test is over once nobody wants the messages.
            received
                .map(|message| sender.send(message))
                .take_while(Result::is_ok)
                .for_each(drop);
        });
        Self { port, messages }
    }
}

fn receive_form(connection: TcpStream) -> std::io::Result<String> {
    let form = read_body(&connection)?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    (&connection).write_all(answer)?;
    Ok(form)
}

/// The body of an HTTP request that tells its length.
///
/// # Errors
/// Those of the connection.
pub fn read_body(connection: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    Ok(body)
}

fn receive_mail(connection: TcpStream) -> std::io::Result<String> {
    let reader = BufReader::new(connection.try_clone()?);
    let say = |text: &str| (&connection).write_all(format!("{text}\r\n").as_bytes());
    say("220 ready")?;
    let (mut mail, mut in_mail) = (String::new(), false);
    for line in reader.lines() {
        let line = line?;
        match line.split(' ').next().unwrap_or_default() {
            "." if in_mail => {
                in_mail = false;
                say("250 taken")?;
            }
            _ if in_mail => {
                mail.push_str(&line);
                mail.push('\n');
            }
            "DATA" => {
                in_mail = true;
                say("354 go on")?;
            }
            "QUIT" => {
                say("221 bye")?;
                break;
            }
            _ => say("250 fine")?,
        }
    }
    Ok(mail)
}
