//! Runs work on several threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Calls `work` for each of `items` on up to `threads` threads and returns the results in the order of the items.
///
/// Items are handed out in order. After a failure no further item begins, those that have begun are finished, and the
/// error of the first failed item is returned. Each thread passes its own `state` to `work`, such as a buffer.
///
/// # Errors
///
/// The first error that `work` returned, in the order of the items.
pub fn map<T: Sync, S, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        let (mut state, mut own) = (state(), Vec::new());
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { break };
            let result = work(&mut state, item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            own.push((number, result));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_are_in_the_order_of_the_items_on_any_number_of_threads() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [0, 1, 2, 7, 2000] {
            let doubled: Result<Vec<_>, ()> = map(threads, &items, || (), |(), item| Ok(item * 2));
            assert_eq!(doubled.unwrap(), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
        assert_eq!(map(4, &[] as &[u32], || (), |(), item| Ok::<_, ()>(*item)), Ok(Vec::new()));
    }

    #[test]
    fn the_error_is_that_of_the_first_failed_item_and_stops_the_rest() {
        let items: Vec<u32> = (0..1000).collect();
        let seen = std::sync::atomic::AtomicUsize::new(0);
        let outcome: Result<Vec<u32>, u32> = map(
            3,
            &items,
            || (),
            |(), item| {
                seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if *item >= 10 { Err(*item) } else { Ok(*item) }
            },
        );
        assert_eq!(outcome, Err(10));
        assert!(seen.into_inner() < 20);
    }
}
