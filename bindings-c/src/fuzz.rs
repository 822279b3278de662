//! The entry points with whatever there is, for a few seconds: `JACKSTAFF_FUZZ_SECONDS` (2) and `JACKSTAFF_FUZZ_SEED` say how long and which.
//!
//! Texts and numbers lie in memory of exactly their length, so that a byte read too many is seen by a memory checker (`make memcheck`), and by
//! nobody else.

use std::hash::{BuildHasher, RandomState};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::check::*;
use crate::client::*;
use crate::context::*;
use crate::error::{Code, Error, jackstaff_error_free};
use crate::evaluation::*;
use crate::flag::*;
use crate::later::*;
use crate::raw::{Bytes, Data, Numbers, Text};
use crate::text::*;

/// SplitMix64.
struct Roll(u64);

impl Roll {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// Bytes: now and then a name or JSON that means something, often spoilt somewhere.
    fn bytes(&mut self) -> Box<[u8]> {
        let known: [&[u8]; 12] = [
            b"on",
            b"off",
            b"theme",
            b"limit",
            b"layout",
            b"user-1",
            b"",
            b"{\"plan\": \"pro\"}",
            b"{\"on\": true}",
            b"{\"on\": {\"users\": {\"u\": true}}}",
            b"{\"a\": [[[[[[[[[1]]]]]]]]]}",
            "\u{e9}\u{20ac}\u{1f600}".as_bytes(),
        ];
        let mut bytes = match self.below(4) {
            0 => {
                let length = [1, 8, 64, 255, 256, 4096, MAX_NAME, MAX_NAME + 1][self.below(8)];
                (0..length).map(|_| self.next() as u8).collect()
            }
            _ => known[self.below(known.len())].to_vec(),
        };
        if self.below(4) == 0 && !bytes.is_empty() {
            let at = self.below(bytes.len());
            bytes[at] = self.next() as u8;
        }
        bytes.into()
    }

    /// What a caller could pass for these bytes: them, a part of them, null, or a length that no text has.
    fn text(&mut self, bytes: &[u8]) -> Text {
        match self.below(12) {
            0 => Text::NULL,
            1 => Text::raw(ptr::null(), self.below(9)),
            2 => Text::raw(bytes.as_ptr(), 0),
            3 => Text::raw(bytes.as_ptr(), [usize::MAX, isize::MAX as usize + 1, MAX_JSON + 1][self.below(3)]),
            4 => Text::raw(bytes.as_ptr(), self.below(bytes.len() + 1)),
            _ => Text::raw(bytes.as_ptr(), bytes.len()),
        }
    }

    fn numbers(&mut self, numbers: &[u32]) -> Numbers {
        match self.below(10) {
            0 => Numbers::raw(ptr::null(), self.below(3)),
            1 => Numbers::raw(ptr::without_provenance(2), 1),
            2 => Numbers::raw(numbers.as_ptr(), usize::MAX),
            _ => Numbers::raw(numbers.as_ptr(), numbers.len()),
        }
    }
}

static ASKED: AtomicUsize = AtomicUsize::new(0);
static ANSWERED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn answered(_: Data, evaluations: *const Evaluation, count: usize, texts: Text) {
    assert!(count == 0 || !evaluations.is_null());
    assert!(texts.strict(MAX_JSON).is_ok());
    ANSWERED.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn whatever_is_passed_the_entry_points_return_and_the_client_is_as_it_was() {
    let said = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = said("JACKSTAFF_FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("seed {seed}");
    let mut roll = Roll(seed);
    let client =
        jackstaff_open_mock(Text::of(r#"{"on": true, "off": false, "theme": "dark", "limit": 20, "layout": {"value": [1]}}"#), None)
            .unwrap();
    let known = jackstaff_flag(Text::of("on"));
    let end = Instant::now() + Duration::from_secs(said("JACKSTAFF_FUZZ_SECONDS").unwrap_or(2));
    let mut calls = 0_u64;
    while Instant::now() < end {
        for _ in 0..200 {
            calls += 1;
            call(&mut roll, &client, known);
        }
        assert_eq!(jackstaff_look(Some(&client), Text::of("on"), Text::of("u"), None, false), JACKSTAFF_ON);
        assert_eq!(jackstaff_look_at(Some(&client), known, Text::of("u"), None, false), JACKSTAFF_ON);
    }
    let patience = Instant::now() + Duration::from_secs(120);
    while ANSWERED.load(Ordering::SeqCst) < ASKED.load(Ordering::SeqCst) {
        assert!(Instant::now() < patience, "some callbacks were never called");
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{calls} calls");
    jackstaff_client_free(Some(client));
}

fn call(roll: &mut Roll, client: &Client, known: u32) {
    let (first, second) = (roll.bytes(), roll.bytes());
    let (flag, user) = (roll.text(&first), roll.text(&second));
    let handle = if roll.below(8) == 0 { None } else { Some(client) };
    let mut error = MaybeUninit::<Error>::uninit();
    let context = if roll.below(3) == 0 { jackstaff_context_new(user, flag, None) } else { None };
    let (default, wanted, number) = (roll.flip(), roll.next() as u32 % 9, roll.next() as i32 % 4);
    match roll.below(9) {
        0 => assert!(jackstaff_look(handle, flag, user, context.as_deref(), default) <= JACKSTAFF_PENDING),
        1 => assert!(jackstaff_look_at(handle, roll.next() as u32 % 9, user, context.as_deref(), default) <= JACKSTAFF_PENDING),
        2 => {
            let numbers: Box<[u32]> = (0..roll.below(9)).map(|_| if roll.flip() { known } else { roll.next() as u32 }).collect();
            let mut room: Box<[u8]> = vec![7; roll.below(9)].into();
            let out = if roll.below(8) == 0 { Bytes::raw(ptr::null_mut(), 5) } else { Bytes::raw(room.as_mut_ptr(), room.len()) };
            let numbers = roll.numbers(&numbers);
            assert!(jackstaff_look_at_many(handle, numbers, user, context.as_deref(), default, out));
            assert!(room.iter().all(|byte| [0, 1, 7].contains(byte)));
        }
        3 => {
            let mut room: Box<[u8]> = vec![0; roll.below(80)].into();
            let mut out = MaybeUninit::uninit();
            let buffer = Bytes::raw(room.as_mut_ptr(), room.len());
            assert!(jackstaff_look_closely(handle, flag, user, context.as_deref(), wanted, number, buffer, Some(&mut out)));
            // SAFETY: it says that it has written.
            jackstaff_evaluation_free(Some(unsafe { out.assume_init_mut() }));
        }
        4 => {
            let mut out = MaybeUninit::uninit();
            jackstaff_evaluate(handle, flag, user, context.as_deref(), wanted, number, Some(&mut out));
            // SAFETY: it always writes.
            jackstaff_evaluation_free(Some(unsafe { out.assume_init_mut() }));
        }
        5 => {
            let lengths: Box<[u32]> = (0..roll.below(4)).map(|_| roll.below(9) as u32).collect();
            let lengths = roll.numbers(&lengths);
            let callback: Answered = if roll.below(8) == 0 { None } else { Some(answered) };
            let data = Data::raw(ptr::null_mut());
            let code = jackstaff_answer_later(handle, flag, lengths, user, context.as_deref(), wanted, number, callback, data);
            ASKED.fetch_add(usize::from(code == Code::Ok), Ordering::SeqCst);
        }
        6 => {
            // Few names: the table of flags is the process's, and has an end.
            if first.len() < 9 {
                jackstaff_flag(flag);
            }
            jackstaff_reason(roll.next() as u32);
            jackstaff_origin(roll.next() as u32);
        }
        7 => {
            let opened = jackstaff_open_mock(flag, Some(&mut error));
            // SAFETY: it is written in any case.
            jackstaff_error_free(Some(unsafe { error.assume_init_mut() }));
            if let Some(opened) = opened {
                jackstaff_mock_set(Some(&opened), user, None);
                jackstaff_string_free(Some(&mut jackstaff_mock_checks(Some(&opened))));
                jackstaff_client_free(Some(opened));
            }
        }
        _ => {
            jackstaff_string_free(Some(&mut jackstaff_stats(handle)));
            jackstaff_start(handle);
        }
    }
    jackstaff_context_free(context);
}
