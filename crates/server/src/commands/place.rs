//! How many commands may run for clients at once: of all, and of one token, so that none keeps the others
//! out. It must not know what they do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use slugline_core::access::TokenId;

use crate::error::{ApiError, Kind};

/// Of all tokens together.
const ALL: usize = 64;
/// Of one token.
const OF_TOKEN: usize = 16;

/// Those that run, by token.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<TokenId, usize>>);

/// The place of one, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    token: TokenId,
}

impl Places {
    /// Takes a place.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn take(self: &Arc<Self>, token: &TokenId) -> Result<Place, ApiError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(token).copied().unwrap_or(0);
        if own >= OF_TOKEN || all.values().sum::<usize>() >= ALL {
            let count = if own >= OF_TOKEN { OF_TOKEN } else { ALL };
            let text = format!("{count} commands run here already: end one, or try again later.");
            return Err(ApiError::new(Kind::Unavailable, text));
        }
        all.insert(token.clone(), own + 1);
        Ok(Place {
            places: Arc::clone(self),
            token: token.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get(&self.token).copied().unwrap_or(0).saturating_sub(1);
        match left {
            0 => all.remove(&self.token),
            left => all.insert(self.token.clone(), left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_given_back() {
        let places = Arc::new(Places::default());
        let token = |number: usize| TokenId::new(&format!("{number:032x}")).unwrap();
        let mut own: Vec<_> = (0..OF_TOKEN)
            .map(|_| places.take(&token(0)).unwrap())
            .collect();
        assert!(places.take(&token(0)).is_err());
        let others: Vec<_> = (OF_TOKEN..ALL)
            .map(|number| places.take(&token(number)).unwrap())
            .collect();
        assert!(places.take(&token(ALL)).is_err());
        own.pop();
        let _place = places.take(&token(0)).unwrap();
        drop((own, others));
        assert_eq!(places.0.lock().unwrap().len(), 1);
    }
}
