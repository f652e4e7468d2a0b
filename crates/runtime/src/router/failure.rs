//! Why a request was not answered by its app, with the codes that operators of such platforms know.
//! It must not know how a failure is shown.

use hyper::StatusCode;

/// Why a request was not answered, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The web processes died, and wait to be started again.
    AppCrashed,
    /// The app has too many requests already.
    BacklogTooDeep,
    /// The app did not begin its answer in time.
    RequestTimeout,
    /// The app closed the connection before it answered.
    NoResponse,
    /// There is no web process, or it was stopped.
    NoWeb,
    /// Neither side sent anything for too long.
    IdleConnection,
    /// The app answered what is not HTTP.
    BadResponse,
    /// The app closed the connection in the middle of its answer.
    ServerInterrupted,
    /// The web process did not accept the connection in time.
    ConnectTimeout,
    /// The web process was still being started.
    BootTimeout,
    /// The web process does not listen at its port.
    Refused,
    /// The client sent a body that is not HTTP.
    Malformed,
    /// The client went away before it had its answer.
    ClientInterrupted,
    /// The client did not go on with its request.
    ClientIdle,
    /// The operator has closed the app for a while.
    Maintenance,
    /// No code has been deployed yet.
    Blank,
}

impl Failure {
    /// The code by which people look it up.
    pub(super) fn code(self) -> &'static str {
        self.words().0
    }

    /// What happened, in a few words.
    pub(super) fn description(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::AppCrashed => ("H10", "App crashed"),
            Self::BacklogTooDeep => ("H11", "Backlog too deep"),
            Self::RequestTimeout => ("H12", "Request timeout"),
            Self::NoResponse => ("H13", "Connection closed without response"),
            Self::NoWeb => ("H14", "No web processes running"),
            Self::IdleConnection => ("H15", "Idle connection"),
            Self::BadResponse => ("H17", "Poorly formatted HTTP response"),
            Self::ServerInterrupted => ("H18", "Server request interrupted"),
            Self::ConnectTimeout => ("H19", "Backend connection timeout"),
            Self::BootTimeout => ("H20", "App boot timeout"),
            Self::Refused => ("H21", "Backend connection refused"),
            Self::Malformed => ("H26", "Request error"),
            Self::ClientInterrupted => ("H27", "Client request interrupted"),
            Self::ClientIdle => ("H28", "Client connection idle"),
            Self::Maintenance => ("H80", "Maintenance mode"),
            Self::Blank => ("H81", "Blank app"),
        }
    }

    /// The status of the page, and in the log. 499: there is nobody any more who could read one.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST.as_u16(),
            Self::ClientInterrupted | Self::ClientIdle => 499,
            _ => StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        }
    }

    /// How bad it is for the operator of the app.
    pub(super) fn level(self) -> &'static str {
        match self {
            Self::Maintenance | Self::Blank => "info",
            Self::Malformed | Self::ClientInterrupted | Self::ClientIdle => "warning",
            _ => "error",
        }
    }
}
