//! The entry points as a careless caller uses them: null, lengths that cannot be, bytes that are no text, clients that are closed.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::check::*;
use crate::client::*;
use crate::context::*;
use crate::error::{Code, Error, jackstaff_error_free};
use crate::evaluation::*;
use crate::flag::*;
use crate::later::*;
use crate::listen::*;
use crate::raw::{Bytes, Data, Numbers, Text};
use crate::text::*;

const FLAGS: &str = r#"{"on": true, "off": false, "theme": "dark", "limit": 20, "ratio": 0.5, "layout": {"value": {"columns": 3}}}"#;

fn mock() -> Box<Client> {
    jackstaff_open_mock(Text::of(FLAGS), None).unwrap()
}

/// What a careless caller passes for a text.
fn careless() -> Vec<Text> {
    let byte: &'static [u8] = b"\xff\xfe\x80on\0";
    vec![
        Text::NULL,
        Text::raw(ptr::null(), 7),
        Text::raw(ptr::null(), usize::MAX),
        Text::raw(byte.as_ptr(), usize::MAX),
        Text::raw(byte.as_ptr(), isize::MAX as usize + 1),
        Text::raw(byte.as_ptr(), MAX_JSON + 1),
        Text::raw(byte.as_ptr(), 0),
        Text::raw(byte.as_ptr(), byte.len()),
        Text::of("on"),
        Text::of("[]"),
        Text::of("{}"),
        Text::of(r#"{"a": "#),
    ]
}

#[test]
fn a_check_answers_whatever_it_is_asked() {
    let client = mock();
    let context = jackstaff_context_new(Text::of("u1"), Text::of(r#"{"plan": "pro"}"#), None).unwrap();
    for handle in [None, Some(&*client)] {
        for flag in careless() {
            for user in careless() {
                for who in [None, Some(&*context)] {
                    for default in [false, true] {
                        let said = jackstaff_look(handle, flag, user, who, default);
                        // Only "on" is a flag; it can be asked about by whoever is a user.
                        assert!(said == u32::from(default) || said == JACKSTAFF_ON);
                        let mut out = MaybeUninit::uninit();
                        let buffer = Bytes::raw(ptr::null_mut(), usize::MAX);
                        assert!(jackstaff_look_closely(handle, flag, user, who, 77, i32::from(default), buffer, Some(&mut out)));
                    }
                }
            }
        }
    }
    assert_eq!(jackstaff_look(Some(&client), Text::of("on"), Text::raw(b"\xff".as_ptr(), 1), None, false), JACKSTAFF_ON);
}

#[test]
fn what_cannot_be_read_is_refused_with_a_word() {
    for text in careless() {
        let mut error = MaybeUninit::<Error>::uninit();
        for made in [
            jackstaff_open(text, Some(&mut error)).is_some(),
            jackstaff_open_file(text, text, text, Some(&mut error)).is_some(),
            jackstaff_context_new(Text::of("u"), text, Some(&mut error)).is_some(),
            jackstaff_open_mock(text, Some(&mut error)).is_some(),
        ] {
            let _ = made; // an empty object is fine for some
        }
        jackstaff_mock_set(None, text, Some(&mut error));
        // Written by every one of them, so it may be read.
        assert!(jackstaff_mock_set(None, text, None) == Code::InvalidArgument);
    }
    assert!(jackstaff_open(Text::of(r#"{"no_such_option": 1}"#), None).is_none());
    assert!(jackstaff_context_new(Text::of("u"), Text::of("[1]"), None).is_none());
}

#[test]
fn errors_name_what_is_wrong_and_may_be_freed_twice() {
    let refused = jackstaff_mock_set(Some(&mock()), Text::raw(b"\xff".as_ptr(), 1), None);
    assert_eq!(refused, Code::InvalidArgument);
    let error = json(Text::raw(b"{\xff}".as_ptr(), 3), "flags").unwrap_err();
    assert_eq!(error.message(), "the text is not UTF-8 from byte 1");
    let mut message = OwnedText::from("words".to_owned());
    assert_eq!(message.get(), "words");
    jackstaff_string_free(Some(&mut message));
    jackstaff_string_free(Some(&mut message));
    assert_eq!(message.get(), "");
    jackstaff_string_free(None);
    jackstaff_error_free(None);
    jackstaff_evaluation_free(None);
    jackstaff_client_free(None);
    jackstaff_context_free(None);
}

#[test]
fn a_batch_writes_what_there_is_room_for_and_nothing_else() {
    let client = mock();
    let flags =
        [jackstaff_flag(Text::of("on")), jackstaff_flag(Text::of("off")), jackstaff_flag(Text::of("unknown")), JACKSTAFF_NO_FLAG, 65_000];
    assert_eq!(flags[0], jackstaff_flag(Text::of("on")));
    let mut out = [7_u8; 8];
    let ask = |numbers: Numbers, out: &mut [u8]| {
        let room = Bytes::raw(out.as_mut_ptr(), out.len());
        jackstaff_look_at_many(Some(&client), numbers, Text::of("u"), None, true, room)
    };
    assert!(ask(Numbers::raw(flags.as_ptr(), 5), &mut out));
    assert_eq!(out, [1, 0, 1, 1, 1, 7, 7, 7]);
    out.fill(7);
    assert!(ask(Numbers::raw(flags.as_ptr(), 5), &mut out[..2]));
    assert_eq!(out, [1, 0, 7, 7, 7, 7, 7, 7]);
    for numbers in [
        Numbers::raw(ptr::null(), 3),
        Numbers::raw(flags.as_ptr(), usize::MAX),
        Numbers::raw(flags.as_ptr().cast::<u8>().wrapping_add(1).cast(), 3),
    ] {
        out.fill(7);
        assert!(ask(numbers, &mut out));
        assert_eq!(out, [1; 8], "what cannot be asked is the default");
    }
    assert_eq!(jackstaff_look_at(Some(&client), flags[1], Text::of("u"), None, true), JACKSTAFF_OFF);
    assert_eq!(jackstaff_look_at(Some(&client), JACKSTAFF_NO_FLAG, Text::of("u"), None, true), JACKSTAFF_ON);
}

#[test]
fn texts_go_to_the_buffer_or_to_memory_of_ours_and_say_the_same() {
    let answers = |flag: &str| {
        let client = jackstaff::Client::mock(&serde_json::from_str(FLAGS).unwrap()).unwrap();
        client.peek(flag, "u".into(), None, &jackstaff::Value::Null).unwrap()
    };
    for flag in ["theme", "layout", "limit", "ratio", "on", "unknown"] {
        let answer = answers(flag);
        for wanted in [None, Some(jackstaff::ValueType::Json)] {
            let mut room = [MaybeUninit::new(0_u8); 256];
            let inside = Evaluation::new(&answer, wanted, &mut room);
            let outside = Evaluation::new(&answer, wanted, &mut []);
            assert!(inside.texts.is_null() && inside.owner.is_none());
            assert!(outside.owner.is_some() || outside.epoch.len + outside.text.len == 0);
            assert_eq!(
                (inside.text, inside.variant, inside.epoch, inside.kind),
                (outside.text, outside.variant, outside.epoch, outside.kind)
            );
            let said = outside.texts.bytes(1000).unwrap();
            let read = |span: Span| (span.start != JACKSTAFF_ABSENT).then(|| &said[span.start as usize..][..span.len as usize]);
            assert_eq!(read(outside.variant), answer.variant.as_deref().map(str::as_bytes));
        }
    }
    let (several, texts) = Evaluation::several(&[answers("theme"), answers("layout")], None);
    let read = |span: Span| &texts[span.start as usize..][..span.len as usize];
    assert_eq!((read(several[0].text), read(several[1].text)), ("dark", r#"{"columns":3}"#));
}

static CALLS: AtomicU32 = AtomicU32::new(0);

extern "C" fn answered(data: Data, _: *const Evaluation, count: usize, texts: Text) {
    assert_eq!(data.get() as usize, 42);
    assert!(count == 2 || texts.is_null());
    CALLS.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn done(_: Data, code: Code, _: Text) {
    assert_eq!(code, Code::Closed);
    CALLS.fetch_add(100, Ordering::SeqCst);
}

#[test]
fn who_asks_for_later_is_told_once_or_refused() {
    let client = mock();
    let data = Data::raw(42 as *mut c_void);
    let lengths = [2_u32, 3];
    let ask = |handle, names, lengths, callback| jackstaff_answer_later(handle, names, lengths, Text::of("u"), None, 1, 0, callback, data);
    let two = Numbers::raw(lengths.as_ptr(), 2);
    assert_eq!(ask(Some(&client), Text::of("onoff"), two, Some(answered as _)), Code::Ok);
    for refused in [
        ask(None, Text::of("onoff"), two, Some(answered as _)),
        ask(Some(&client), Text::of("onoff"), two, None),
        ask(Some(&client), Text::of("onof"), two, Some(answered as _)),
        ask(Some(&client), Text::NULL, two, Some(answered as _)),
        ask(Some(&client), Text::of("onoff"), Numbers::raw(ptr::null(), 2), Some(answered as _)),
    ] {
        assert_eq!(refused, Code::InvalidArgument);
    }
    jackstaff_close(Some(&client));
    assert_eq!(jackstaff_ready_later(Some(&client), 5.0, Some(done as _), data), Code::Ok);
    assert_eq!(jackstaff_ready_later(Some(&client), f64::NAN, Some(done as _), data), Code::InvalidArgument);
    assert_eq!(jackstaff_wait_for_version_later(Some(&client), 1, -1.0, Some(done as _), data), Code::InvalidArgument);
    let end = Instant::now() + Duration::from_secs(20);
    while CALLS.load(Ordering::SeqCst) != 101 {
        assert!(Instant::now() < end, "{CALLS:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_closed_client_serves_defaults() {
    let client = mock();
    jackstaff_close(Some(&client));
    jackstaff_close(Some(&client));
    jackstaff_close(None);
    assert_eq!(jackstaff_look(Some(&client), Text::of("on"), Text::of("u"), None, false), JACKSTAFF_OFF);
    assert!(jackstaff_is_enabled(Some(&client), Text::of("on"), Text::of("u"), None, true));
    assert!(!jackstaff_is_enabled(Some(&client), Text::of("on"), Text::of("u"), None, false));
    assert_eq!(jackstaff_ready(Some(&client), 1.0, None), Code::Closed);
    assert_eq!(jackstaff_ready(None, 1.0, None), Code::InvalidArgument);
    assert!(jackstaff_stats(Some(&client)).get().contains(r#""status":"closed""#));
    assert_eq!(jackstaff_stats(None).get(), "");
    assert_eq!(jackstaff_mock_checks(None).get(), "[]");
}

static RELEASED: AtomicU32 = AtomicU32::new(0);

extern "C" fn changed(_: Data, _: &Change) {}

extern "C" fn released(_: Data) {
    RELEASED.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn every_listener_is_released_once() {
    let client = mock();
    let data = Data::raw(ptr::null_mut());
    let listen = |handle, callback| jackstaff_listen(handle, callback, Some(released as _), data, None);
    assert_eq!(listen(None, Some(changed as _)), 0);
    assert_eq!(listen(Some(&client), None), 0);
    assert_eq!(RELEASED.load(Ordering::SeqCst), 2, "what fails releases at once");
    let first = listen(Some(&client), Some(changed as _));
    assert_ne!(listen(Some(&client), Some(changed as _)), 0);
    jackstaff_unlisten(Some(&client), first);
    jackstaff_unlisten(Some(&client), first);
    assert_eq!(RELEASED.load(Ordering::SeqCst), 3);
    jackstaff_client_free(Some(client));
    assert_eq!(RELEASED.load(Ordering::SeqCst), 4);
}

#[test]
fn a_panic_does_not_leave() {
    let outcome = crate::error::attempt::<()>(None, || panic!("on purpose"));
    assert_eq!(outcome.0, Code::Internal);
    assert!(crate::error::guard(true, || panic!("on purpose")));
}
