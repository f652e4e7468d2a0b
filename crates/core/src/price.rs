//! What a plan costs (S24). It must not know a currency other than the dollar, or tax.

use serde::{Deserialize, Serialize};

/// A price in whole cents a month; 0 is free. Written `free`, `$20/mo` or `$7.50/mo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Price(u64);

/// A text that is no price.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a price: write free, $20/mo or $7.50/mo")]
pub struct InvalidPrice(String);

impl Price {
    /// Costs nothing.
    pub const FREE: Self = Self(0);
    /// The highest price: a million dollars a month.
    pub const MAX_CENTS: u64 = 100_000_000;

    /// A price of so many cents a month, at most [`Price::MAX_CENTS`].
    #[must_use]
    pub fn from_cents(cents: u64) -> Self {
        Self(cents.min(Self::MAX_CENTS))
    }

    /// Cents a month.
    #[must_use]
    pub fn cents(self) -> u64 {
        self.0
    }
}

impl std::str::FromStr for Price {
    type Err = InvalidPrice;

    fn from_str(text: &str) -> Result<Self, InvalidPrice> {
        let wrong = || InvalidPrice(text.chars().take(40).collect());
        if text == "free" {
            return Ok(Self::FREE);
        }
        let amount = text
            .strip_prefix('$')
            .and_then(|t| t.strip_suffix("/mo"))
            .ok_or_else(wrong)?;
        let (dollars, cents) = amount.split_once('.').unwrap_or((amount, "00"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(dollars) || !digits(cents) || cents.len() != 2 || dollars.len() > 7 {
            return Err(wrong());
        }
        let number = |t: &str| t.parse::<u64>().map_err(|_| wrong());
        let total = number(dollars)? * 100 + number(cents)?;
        if total > Self::MAX_CENTS {
            Err(wrong())
        } else {
            Ok(Self(total))
        }
    }
}

impl TryFrom<String> for Price {
    type Error = InvalidPrice;

    fn try_from(text: String) -> Result<Self, InvalidPrice> {
        text.parse()
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.to_string()
    }
}

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (0, 0) => f.write_str("free"),
            (dollars, 0) => write!(f, "${dollars}/mo"),
            (dollars, cents) => write!(f, "${dollars}.{cents:02}/mo"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_reads_back_as_it_is_written() {
        for (text, cents) in [
            ("free", 0),
            ("$20/mo", 2000),
            ("$7.50/mo", 750),
            ("$0.05/mo", 5),
        ] {
            let price: Price = text.parse().unwrap();
            assert_eq!((price.cents(), price.to_string().as_str()), (cents, text));
        }
        assert_eq!("$0/mo".parse::<Price>().unwrap().to_string(), "free");
        for bad in [
            "",
            "20",
            "$20",
            "20/mo",
            "$/mo",
            "$1.5/mo",
            "$-1/mo",
            "$99999999/mo",
            "Free",
        ] {
            assert!(bad.parse::<Price>().is_err(), "{bad:?}");
        }
    }
}
