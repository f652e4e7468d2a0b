//! A body that is sent piece by piece, as the pieces come. It must not know where they come from.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::Receiver;

/// It ends when nobody is left who sends.
pub(crate) struct Pieces(pub(crate) Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let coming = self.get_mut().0.poll_recv(context);
        coming.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
