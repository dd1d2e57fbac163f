use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use herenow_protocol::{CloseCode, Encoding};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Closing, Outbox, Work};
use crate::writer::Writer;

const CLOSING: Closing = Closing { code: CloseCode::Restart, reason: "test" };
/// More than the kernel takes for a reader that does not read.
const MANY_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The outbox of one end of a connection, and the other end.
async fn pair() -> (Outbox, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let near = listener.accept().await.unwrap().0;
    near.writable().await.unwrap();
    let (reader, writer) = near.into_split();
    // The other half stays open for as long as the test.
    std::mem::forget(reader);
    (Outbox::new(Encoding::Postcard, Writer::Plain(writer)), far)
}

async fn work(outbox: &Outbox) -> Work {
    poll_fn(|context| outbox.poll_work(context)).await
}

async fn read(far: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    far.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// A frame of so many equal bytes, and the header of its message.
fn large(byte: u8, len: usize) -> (Bytes, Vec<u8>) {
    let mut header = vec![0x82, 127];
    header.extend((len as u64).to_be_bytes());
    (Bytes::from(vec![byte; len]), header)
}

#[tokio::test]
async fn what_the_kernel_takes_leaves_at_once_and_wakes_nobody() {
    let (outbox, mut far) = pair().await;
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(outbox.poll_work(&mut Context::from_waker(&waker)), Poll::Pending);
    outbox.add(Bytes::from_static(b"ab"));
    outbox.add_ping();
    outbox.add(Bytes::from_static(b"cd"));
    assert_eq!(outbox.flush(), 4);
    assert_eq!(read(&mut far, 8).await, b"\x89\x00\x82\x04abcd");
    assert_eq!(outbox.flush(), 0);
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_it_does_not_take_is_left_to_the_task_in_order() {
    let (outbox, mut far) = pair().await;
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(outbox.poll_work(&mut Context::from_waker(&waker)), Poll::Pending);
    let (first, header) = large(b'x', MANY_BYTES);
    outbox.add(first.clone());
    assert_eq!(outbox.flush(), 0);
    assert!(count.0.load(Ordering::SeqCst) > 0, "the task is woken");
    outbox.add(Bytes::from_static(b"later"));
    assert_eq!(outbox.flush(), 0, "nothing overtakes");

    let reading = tokio::spawn(async move {
        let bytes = read(&mut far, header.len() + MANY_BYTES + 7).await;
        assert!(bytes.starts_with(&header));
        assert!(bytes.ends_with(b"x\x82\x05later"));
    });
    let mut left = 0;
    while left < MANY_BYTES + 5 {
        match work(&outbox).await {
            Work::Wrote(bytes) => left += bytes,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(left, MANY_BYTES + 5);
    reading.await.unwrap();
}

#[tokio::test]
async fn a_message_waits_for_a_control_frame_that_is_half_written() {
    let (outbox, mut far) = pair().await;
    let control = vec![b'c'; MANY_BYTES];
    let mut written = poll_fn(|context| outbox.poll_control(context, &control)).await.unwrap();
    assert!(written < MANY_BYTES, "half written");
    outbox.add(Bytes::from_static(b"frame"));
    assert_eq!(outbox.flush(), 0);
    assert_eq!(outbox.poll_work(&mut Context::from_waker(Waker::noop())), Poll::Pending);

    let reading = tokio::spawn(async move {
        let bytes = read(&mut far, MANY_BYTES).await;
        assert!(bytes.iter().all(|byte| *byte == b'c'));
        assert_eq!(read(&mut far, 7).await, b"\x82\x05frame");
    });
    let mut woken = 0;
    while written < MANY_BYTES {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        match outbox.poll_control(&mut Context::from_waker(&waker), &control[written..]) {
            Poll::Ready(more) => written += more.unwrap(),
            Poll::Pending => tokio::task::yield_now().await,
        }
        woken = count.0.load(Ordering::SeqCst);
    }
    assert_eq!(woken, 1, "the task is told, in the call that ended the control frame, that a frame waits");
    assert_eq!(work(&outbox).await, Work::Wrote(5));
    reading.await.unwrap();
}

#[tokio::test]
async fn a_control_frame_waits_for_a_message_that_is_half_written() {
    let (outbox, mut far) = pair().await;
    let (message, header) = large(b'm', MANY_BYTES);
    outbox.add(message);
    assert_eq!(outbox.flush(), 0);
    // All that the kernel holds is read: there is room again, and still it is the message's.
    let (mut begun, mut bytes) = (0, vec![0; 64 * 1024]);
    while let Ok(more) = tokio::time::timeout(Duration::from_millis(50), far.read(&mut bytes)).await {
        begun += more.unwrap();
    }
    assert!(begun > 0 && begun < MANY_BYTES, "{begun}");
    let waits = poll_fn(|context| Poll::Ready(outbox.poll_control(context, b"pong").is_pending())).await;
    assert!(waits);
    let reading = tokio::spawn(async move {
        let bytes = read(&mut far, header.len() + MANY_BYTES + 4 - begun).await;
        assert!(bytes.ends_with(b"mpong"));
    });
    assert_eq!(work(&outbox).await, Work::Wrote(MANY_BYTES));
    assert_eq!(poll_fn(|context| outbox.poll_control(context, b"pong")).await.unwrap(), 4);
    reading.await.unwrap();
}

#[tokio::test]
async fn a_close_comes_before_what_waits_and_after_it_nothing_is_added() {
    let (outbox, mut far) = pair().await;
    outbox.add(Bytes::from_static(b"last"));
    outbox.close(CLOSING);
    assert_eq!(outbox.flush(), 0, "what is left is the task's");
    assert_eq!(work(&outbox).await, Work::Close(CLOSING));
    outbox.seal();
    outbox.add(Bytes::from_static(b"too late"));
    outbox.add_ping();
    poll_fn(|context| outbox.poll_drained(context)).await.unwrap();
    outbox.end();
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\x82\x04last");
}

#[tokio::test]
async fn a_socket_that_broke_is_told_once_it_is_written_to() {
    let (outbox, far) = pair().await;
    far.set_zero_linger().unwrap();
    drop(far);
    loop {
        outbox.add(Bytes::from_static(b"anybody"));
        outbox.flush();
        if let Poll::Ready(Work::Broken) = poll_fn(|context| Poll::Ready(outbox.poll_work(context))).await {
            break;
        }
        tokio::task::yield_now().await;
    }
    outbox.end();
    outbox.add(Bytes::from_static(b"anybody"));
    assert_eq!(outbox.flush(), 0);
}
