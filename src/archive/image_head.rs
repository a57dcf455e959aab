//! Whether the first bytes of a page's image can be an image's.

/// How many bytes are looked at.
pub(super) const IMAGE_HEAD: u64 = 64;
/// A shorter text may be the stand-in of a test, or of a scanner.
const TEXT: usize = 16;

/// What a page's image is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageContent {
    /// It has no bytes.
    Empty,
    /// What a failed disk, a failed request or a failed writer leaves: zeros and the like, a page of HTML, a message, a signature alone.
    NotAnImage,
    /// Anything else. What form of image it is is not asked, so that no good one is refused.
    Image,
}

/// Judges by the first [`IMAGE_HEAD`] bytes. No form of image but PDF begins with that many equal ones or with so much text: each has
/// zeros or bytes above 127 in its signature.
pub(super) fn image_content(head: &[u8]) -> ImageContent {
    let is_filling = |byte: &u8| *byte == 0 || *byte == 0xff || byte.is_ascii_whitespace();
    match head {
        [] => ImageContent::Empty,
        _ if head.iter().all(is_filling) || is_message(head) || is_signature(head) => ImageContent::NotAnImage,
        _ => ImageContent::Image,
    }
}

/// Is it all of a file, and no more than what all images of its form begin with?
fn is_signature(head: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 5] = [
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"\xff\x4f\xff\x51",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
    ];
    /// With the place of the first directory.
    const TIFF: usize = 8;
    let is_tiff = head.starts_with(b"II*\0") || head.starts_with(b"MM\0*");
    SIGNATURES.contains(&head) || is_tiff && head.len() <= TIFF
}

fn is_message(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character may be cut at the end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_text = text.chars().all(|c| !c.is_control() || "\t\n\r".contains(c));
    // A PDF may begin with nothing but text.
    if text.starts_with("%PDF-") {
        return false;
    }
    let is_markup = text.trim_start_matches('\u{feff}').trim_start().starts_with('<');
    is_text && (is_markup || text.len() >= TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_an_images_place_is_none() {
        use ImageContent::{Empty, Image, NotAnImage};
        let cases: [(&[u8], ImageContent); 27] = [
            (b"", Empty),
            (b"\0", NotAnImage),
            (&[0; 64], NotAnImage),
            (&[0xff; 64], NotAnImage),
            (b" \r\n\0", NotAnImage),
            (b"<html>404</html>", NotAnImage),
            (b"\n <?xml", NotAnImage),
            (b"\xef\xbb\xbf<html>", NotAnImage),
            (b"{\"error\": {\"code\": 403}}", NotAnImage),
            ("404: die Seite fehlt \u{fc}".as_bytes(), NotAnImage),
            (b"a text with a character cut \xc3", NotAnImage),
            (b"one", Image),
            (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n", Image),
            (b"GIF89a\x01\0\x01\0\x80\0\0", Image),
            (b"\0\0\0\x0cjP  \r\n\x87\n", NotAnImage),
            (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", Image),
            (b"\xff\x4f\xff\x51", NotAnImage),
            (b"\xff\x4f\xff\x51\0\x2f", Image),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", Image),
            (b"II*\0\x08\0\0\0", NotAnImage),
            (b"II*\0\x08\0\0\0\x01\0", Image),
            (b"MM\0*\0\0\0\x08", NotAnImage),
            (b"MM\0*\0\0\0\x08\0\x01", Image),
            (b"\x89PNG\r\n\x1a\n", NotAnImage),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Image),
            (b"<\0h\0\x80", Image),
            (b"\x01\x02\x03bytes of no known form", Image),
        ];
        for (head, expected) in cases {
            assert_eq!(image_content(head), expected, "{head:x?}");
        }
    }
}
