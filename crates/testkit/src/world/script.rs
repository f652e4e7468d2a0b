//! Which call of a port goes wrong, and how. The calls are counted here, so that a test can ask for
//! each of them in turn. It must not know what a call means.

use std::cell::{Cell, RefCell};

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It fails, and nothing has been done.
    Before,
    /// It is done, and fails all the same: the answer is lost.
    After,
    /// It is done twice, as by somebody who did not hear the first answer.
    Twice,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::After, Self::Twice];
}

/// The calls since it was begun, and what goes wrong with them.
#[derive(Debug, Default)]
pub struct Script {
    calls: RefCell<Vec<&'static str>>,
    wrong: RefCell<Vec<(usize, Wrong)>>,
    /// From this call on everything fails.
    dead: Cell<Option<usize>>,
}

impl Script {
    /// Begins to count anew. The calls of these places, from 0, go wrong; and from the place `dead`
    /// on all of them fail, as if whoever calls had been killed.
    pub fn begin(&self, wrong: &[(usize, Wrong)], dead: Option<usize>) {
        self.calls.borrow_mut().clear();
        *self.wrong.borrow_mut() = wrong.to_vec();
        self.dead.set(dead);
    }

    /// Lets nothing go wrong any more, and answers the calls that there were.
    pub fn end(&self) -> Vec<&'static str> {
        self.wrong.borrow_mut().clear();
        self.dead.set(None);
        self.calls.take()
    }

    /// Makes a call as the script has it.
    ///
    /// # Errors
    /// Those of the call, and `broken` where it is to fail.
    pub(crate) fn call<T, E>(
        &self,
        name: &'static str,
        broken: impl FnOnce() -> E,
        mut call: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let place = self.calls.borrow().len();
        self.calls.borrow_mut().push(name);
        if self.dead.get().is_some_and(|dead| place >= dead) {
            return Err(broken());
        }
        let wrong = self.wrong.borrow();
        let wrong = wrong.iter().find(|(at, _)| *at == place).map(|it| it.1);
        match wrong {
            None => call(),
            Some(Wrong::Before) => Err(broken()),
            Some(Wrong::After) => {
                call()?;
                Err(broken())
            }
            Some(Wrong::Twice) => {
                call()?;
                call()
            }
        }
    }
}
