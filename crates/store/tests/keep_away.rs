//! Forks wait for those who keep them away. A process of its own, because forks are the whole process's business.
#![allow(unsafe_code, reason = "fork and waitpid")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use claviger_store::{Error, fork};

#[test]
fn no_fork_happens_while_somebody_keeps_it_away() {
    let epoch = fork::epoch();
    let (begun, over) = (Barrier::new(2), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let away = fork::keep_away(epoch).unwrap();
            begun.wait();
            std::thread::sleep(Duration::from_millis(200));
            over.store(true, Ordering::SeqCst);
            drop(away);
        });
        begun.wait();
        // SAFETY: the child looks at what it has and ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let refused = fork::keep_away(epoch).err() == Some(Error::Forked);
            let fine = over.load(Ordering::SeqCst) && refused && fork::keep_away(fork::epoch()).is_ok();
            // SAFETY: ends this process.
            unsafe { libc::_exit(i32::from(!fine)) };
        }
        let mut status = 1;
        // SAFETY: the child is ours and the status is a number of our own.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
    });
}
