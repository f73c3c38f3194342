//! An allocator that counts. A program has one, so that each binary that wants it takes this module in.
#![expect(unsafe_code, reason = "an allocator has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work asked of the allocator.
#[allow(dead_code, reason = "each binary looks at a part")]
pub(crate) struct Cost {
    pub(crate) allocations: usize,
    /// Bytes held at once beyond those held before.
    pub(crate) peak: usize,
}

/// Does `work`, and says what it cost. Other threads count too.
pub(crate) fn cost<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (count, held) = (COUNT.load(Relaxed), HELD.load(Relaxed));
    PEAK.store(held, Relaxed);
    let made = work();
    let allocations = COUNT.load(Relaxed) - count;
    let peak = PEAK.load(Relaxed) - held;
    (made, Cost { allocations, peak })
}
