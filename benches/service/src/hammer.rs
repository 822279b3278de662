//! Asks a service the same question over connections that are kept, each as soon as it has its answer: `hammer ADDRESS PATH BODY
//! CONNECTIONS SECONDS WANTED [HEADER]`. An answer that is not a 200 or does not hold `WANTED` ends it. Prints one JSON object.
//!
//! A thread and a blocking socket for each connection: nothing of an HTTP client is measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

/// One answer read whole; what is in `buffer` beyond it stays nobody's: the next question is asked after it.
fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), String> {
    buffer.clear();
    let mut piece = [0; 16_384];
    let mut end = None;
    loop {
        let read = stream.read(&mut piece).map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the service closed the connection".to_owned());
        }
        buffer.extend_from_slice(&piece[..read]);
        if end.is_none()
            && let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&buffer[..at]).to_ascii_lowercase();
            if !head.starts_with("http/1.1 200") {
                return Err(String::from_utf8_lossy(buffer).into_owned());
            }
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            end = Some((at + 4, length));
        }
        match end {
            Some((begin, Some(length))) if buffer.len() >= begin + length => return Ok(()),
            // Chunks: the last one is empty.
            Some((_, None)) if buffer.ends_with(b"\r\n0\r\n\r\n") => return Ok(()),
            _ => {}
        }
    }
}

fn ask(address: &str, request: &[u8], until: Instant, wanted: &str) -> Result<Vec<u32>, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(|error| error.to_string())?;
    let (mut times, mut buffer) = (Vec::with_capacity(1 << 16), Vec::new());
    while Instant::now() < until {
        let begun = Instant::now();
        stream.write_all(request).map_err(|error| error.to_string())?;
        answer(&mut stream, &mut buffer)?;
        times.push(begun.elapsed().as_micros().min(u128::from(u32::MAX)) as u32);
        if times.len() % 512 == 1 && !String::from_utf8_lossy(&buffer).contains(wanted) {
            return Err(format!("an answer without {wanted}: {}", String::from_utf8_lossy(&buffer)));
        }
    }
    Ok(times)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, body, connections, seconds, wanted, more @ ..] = given.as_slice() else {
        return Err("hammer ADDRESS PATH BODY CONNECTIONS SECONDS WANTED [HEADER]".into());
    };
    let header = more.first().map(|header| format!("{header}\r\n")).unwrap_or_default();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\n{header}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (begun, seconds) = (Instant::now(), seconds.parse::<f64>()?);
    let until = begun + Duration::from_secs_f64(seconds);
    let found: Result<Vec<Vec<u32>>, String> = std::thread::scope(|scope| {
        let count = connections.parse::<usize>().map_err(|error| error.to_string())?;
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(|| ask(address, request.as_bytes(), until, wanted))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?).collect()
    });
    let mut times: Vec<u32> = found?.concat();
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
    println!(
        "{}",
        json!({ "answers": times.len(), "seconds": begun.elapsed().as_secs_f64(), "p50_us": p50, "p99_us": p99, "p999_us": p999 })
    );
    Ok(())
}
