//! Sets of ids: right at every size, and sixteen bytes an id.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use jackstaff::ir::Ids;

/// The system's allocator, counting what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// One test, so that nothing else allocates while it counts.
#[test]
fn sets_are_right_and_small_at_every_size() {
    for size in [0, 1, 7, 8, 9, 10, 100, 10_000] {
        let texts: Vec<String> = (0..size).map(|number| format!("user-{number}")).collect();
        let ids = Ids::new(&texts);
        assert_eq!((ids.len(), ids.is_empty()), (size, size == 0));
        assert!(texts.iter().all(|text| ids.contains(text)), "{size} ids, and one is lost");
        let strangers = (size..size + 10_000).filter(|number| ids.contains(&format!("user-{number}"))).count();
        assert_eq!(strangers, 0, "{size} ids, and strangers are let in");
        assert!(!ids.contains("") && !ids.contains("USER-0"));
        assert!(ids.sample().len() <= 8 && ids.sample().iter().all(|text| ids.contains(text)));
    }

    let twice: Vec<String> = (0..1000).map(|number| format!("user-{}", number % 500)).collect();
    assert_eq!(Ids::new(&twice).len(), 500, "an id that comes twice is one");
    assert!(Ids::new(&["", "ключ", "😀"]).contains(""), "empty text is an id too");

    let million: Vec<String> = (0..1_000_000).map(|number| format!("a-rather-long-user-id-{number:09}")).collect();
    let before = HELD.load(Ordering::Relaxed);
    let ids = Ids::new(&million);
    let bytes = HELD.load(Ordering::Relaxed) - before;
    assert!(bytes <= 16 * million.len() + 1024, "a million ids take {bytes} bytes");
    assert_eq!(ids.len(), million.len());
    assert!(million.iter().step_by(97).all(|id| ids.contains(id)));
    let shared = ids.clone();
    assert!(HELD.load(Ordering::Relaxed) - before < bytes + 1024, "a clone shares");
    assert!(shared.contains(&million[999_999]) && !shared.contains("a-rather-long-user-id-001000000"));
}
