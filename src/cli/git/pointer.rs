//! What git LFS commits instead of a large file: a text that names its digest and its size. Fetches nothing.

use crate::base::digest::Digest;

/// No pointer is as long as this (git-lfs `docs/spec.md`).
pub(super) const BYTES: u64 = 1024;

const VERSION: &str = "version https://git-lfs.github.com/spec/v1";

/// The digest and the size of the file that a pointer stands for; none for what is no pointer.
pub(super) fn read(bytes: &[u8]) -> Option<(Digest, u64)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return None;
    }
    let (mut digest, mut size) = (None, None);
    for line in lines {
        let (key, value) = line.split_once(' ')?;
        match key {
            "oid" => digest = Some(value.strip_prefix("sha256:")?.parse().ok()?),
            "size" => size = Some(value.parse().ok()?),
            // Extensions have keys of their own, which change neither.
            _ => {}
        }
    }
    Some((digest?, size?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_small_files() {
        let digest = Digest::of(b"kernel");
        let pointer = format!("{VERSION}\next-0-x sha256:00\noid sha256:{digest}\nsize 6\n");
        assert_eq!(read(pointer.as_bytes()), Some((digest, 6)));
        for text in [
            "",
            VERSION,
            "#!ipxe\nautoboot\n",
            &pointer.replace("sha256", "sha1"),
            &pointer.replace("size 6", "size x"),
            &pointer.replace("/v1", "/v9"),
            &format!("\n{pointer}"),
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(b"\xff"), None);
    }
}
