//! The log under torn writes, alteration and a reader that follows the writer.

use super::*;

fn entries(path: &Path) -> Vec<String> {
    let mut reader = LogReader::open(path, None).unwrap();
    std::iter::from_fn(|| reader.next_as::<String>().unwrap()).map(|(_, text)| text).collect()
}

#[test]
fn a_reader_follows_the_writer_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut writer = LogWriter::open(&path, |_| {}).unwrap();
    let mut reader = LogReader::open(&path, None).unwrap();
    assert!(reader.next_entry().unwrap().is_none());
    assert_eq!(writer.append(&"one").unwrap(), 0);
    assert_eq!(reader.next_as::<String>().unwrap(), Some((0, "one".into())));
    let place = reader.position();
    assert!(reader.next_entry().unwrap().is_none());
    assert_eq!(writer.append(&"two").unwrap(), 1);
    assert_eq!(reader.next_as::<String>().unwrap(), Some((1, "two".into())));
    let mut later = LogReader::open(&path, Some(place)).unwrap();
    assert_eq!(later.next_as::<String>().unwrap(), Some((1, "two".into())));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut writer = LogWriter::open(&path, |_| {}).unwrap();
    writer.append(&"kept").unwrap();
    let whole = writer.position().offset;
    writer.append(&"torn").unwrap();
    let end = writer.position().offset;
    drop(writer);
    let bytes = std::fs::read(&path).unwrap();
    for cut in whole..end {
        let cut = usize::try_from(cut).unwrap();
        let mut torn = bytes[..cut].to_vec();
        torn.resize(bytes.len(), 0);
        // The last case is a frame whose bytes are all there: then it counts.
        if torn == bytes {
            continue;
        }
        std::fs::write(&path, &torn).unwrap();
        let mut seen = 0;
        let mut writer = LogWriter::open(&path, |_| seen += 1).unwrap();
        assert_eq!((seen, writer.position().offset), (1, whole), "cut at {cut}");
        writer.append(&"new").unwrap();
        assert_eq!(entries(&path), ["kept", "new"]);
    }
}

#[test]
fn an_altered_entry_breaks_the_chain_even_with_a_right_crc() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut writer = LogWriter::open(&path, |_| {}).unwrap();
    writer.append(&"aaaa").unwrap();
    let second = writer.position().offset;
    writer.append(&"bbbb").unwrap();
    drop(writer);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = usize::try_from(second).unwrap();
    bytes[at + FRAME_HEAD + 1] = b'x';
    let crc = crc32fast::hash(&bytes[at + 8..at + FRAME_HEAD + 6]);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = LogWriter::open(&path, |_| {}).unwrap_err().to_string();
    assert!(error.contains("entry 1 of the log") && error.contains("altered"), "{error}");
}

#[test]
fn a_log_under_another_name_does_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    LogWriter::open(&path, |_| {}).unwrap().append(&"one").unwrap();
    let other = dir.path().join("b.log");
    std::fs::copy(&path, &other).unwrap();
    assert!(matches!(LogWriter::open(&other, |_| {}), Err(LogError::BrokenChain { index: 0, .. })));
}
