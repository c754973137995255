//! A line of threads: whoever came first is served first. Not for other processes: that is `ticket.rs`.
//!
//! `std::sync::Mutex` lets a thread that unlocks and locks again pass those it has just woken, and one in a tight loop
//! starves the others of its process. `parking_lot` can be fair, but keeps its waiters in a table of the whole process,
//! whose locks a child of fork may inherit shut.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The threads in the order they came; the first is being served.
#[derive(Default)]
pub(crate) struct Line(Mutex<VecDeque<Arc<Condvar>>>);

/// The caller is the first until this drops.
pub(crate) struct First<'a>(&'a Line);

impl Line {
    /// Waits to be the first; `None` when it took longer than `until`.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Option<First<'_>> {
        let mine = Arc::new(Condvar::new());
        let mut line = self.lock();
        line.push_back(Arc::clone(&mine));
        while line.front().is_some_and(|first| !Arc::ptr_eq(first, &mine)) {
            line = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => mine.wait(line).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => {
                    line.retain(|other| !Arc::ptr_eq(other, &mine));
                    return None;
                }
                Some(left) => mine.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        Some(First(self))
    }

    /// The first if nobody is there.
    pub(crate) fn try_now(&self) -> Option<First<'_>> {
        let mut line = self.lock();
        line.is_empty().then(|| line.push_back(Arc::default())).map(|()| First(self))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Condvar>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        let mut line = self.0.lock();
        line.pop_front();
        if let Some(next) = line.front() {
            next.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn who_gives_up_leaves_the_line_to_those_behind() {
        let (line, served) = (Line::default(), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let first = line.try_now().expect("nobody is there");
            assert!(line.try_now().is_none());
            for (nth, patience) in [None, Some(Duration::from_millis(20)), None].into_iter().enumerate() {
                let (line, served) = (&line, &served);
                scope.spawn(move || {
                    let first = line.wait(patience.map(|patience| Instant::now() + patience));
                    served.lock().expect("no panic").push((nth, first.is_some()));
                });
                while line.lock().len() < nth + 2 {
                    std::thread::yield_now();
                }
            }
            while line.lock().len() > 3 {
                std::thread::yield_now();
            }
            drop(first);
        });
        assert_eq!(served.into_inner().expect("no panic"), [(1, false), (0, true), (2, true)]);
        assert!(line.try_now().is_some());
    }
}
