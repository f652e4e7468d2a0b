//! Preboot: old and new processes run at once until the switch, so that at every moment there is one
//! that answers. There is nothing to make room for, and nothing to give back.

use crate::unit::After;

pub(super) fn make_room() -> Box<dyn Fn() -> Vec<After>> {
    Box::new(Vec::new)
}
