//! The policy check allocates nothing: it runs for every request and every hop.
#![expect(unsafe_code, reason = "counting allocations takes an allocator")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::manifest;
use egress::Policy;
use serde_json::json;

thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_policy_check_allocates_nothing_whatever_it_says() {
    let rules: Vec<_> = (0..20)
        .map(|i| json!({ "methods": ["GET", "POST"], "host": format!("*.h{i}.example.com"), "paths": [format!("/v{i}/*/x*y/**"), "/a/*"] }))
        .collect();
    let policy = Policy::compile(&manifest(json!({ "egress": rules })), None, None).unwrap();
    let before = COUNT.get();
    assert!(policy.check("GET", "a.h19.example.com", "/v19/things/x-and-y/more").is_ok());
    assert!(policy.check("GET", "a.h19.example.com", "/v18/things/x-and-y/more").is_err());
    assert!(policy.check("PUT", "a.h19.example.com", "/a/b").is_err());
    assert!(policy.check("GET", "other.example.com", "/a/b").is_err());
    assert_eq!(COUNT.get(), before);
}
