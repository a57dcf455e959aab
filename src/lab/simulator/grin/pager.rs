//! The way to the next page, in the forms that pages have it. GRIN's own form is not known (src/grin/PROTOCOL.md, section 1).

/// How a list page leads to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagerForm {
    /// A link that says `Next >`.
    Next,
    /// A link that says `>>`.
    DoubleArrow,
    /// A link that says `More`.
    More,
    /// A link that is an image without words.
    Image,
    /// The number of the next page as a link, that of this one beside it.
    Numbers,
    /// A button whose script goes to the address.
    Button,
    /// A form whose hidden fields make the address.
    Form,
    /// `Next >` in the table's foot.
    Foot,
    /// A link that says `Next` and runs a script, which does not show the address.
    Script,
}

impl PagerForm {
    /// Every form, with its name on the command line.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Next, "next"),
        (Self::DoubleArrow, "double-arrow"),
        (Self::More, "more"),
        (Self::Image, "image"),
        (Self::Numbers, "numbers"),
        (Self::Button, "button"),
        (Self::Form, "form"),
        (Self::Foot, "foot"),
        (Self::Script, "script"),
    ];

    /// The form of this name.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(form, _)| *form).ok_or_else(|| {
            let names = Self::ALL.map(|(_, known)| known).join(", ");
            format!("no pager is called {name:?}; there are {names}")
        })
    }

    /// The pager that leads to `link`, an address with its ampersands written as references.
    pub(crate) fn html(self, link: &str) -> String {
        match self {
            Self::Next | Self::Foot => format!("<a href=\"{link}\">Next &gt;</a>\n"),
            Self::DoubleArrow => format!("<p><a href=\"{link}\">&gt;&gt;</a></p>\n"),
            Self::More => format!("<a href=\"{link}\">More</a>\n"),
            Self::Image => format!("<a href=\"{link}\"><img src=\"/images/forward.png\"></a>\n"),
            Self::Numbers => format!("<b>1</b> <a href=\"{link}\">2</a>\n"),
            Self::Button => format!("<button onclick=\"location.href='{link}'\">More</button>\n"),
            Self::Form => form(link),
            Self::Script => "<a href=\"javascript:next()\">Next</a>\n".to_owned(),
        }
    }
}

fn form(link: &str) -> String {
    let (action, query) = link.split_once('?').unwrap_or((link, ""));
    let fields: String = query
        .split("&amp;")
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"))
        .collect();
    format!("<form action=\"{action}\" method=\"get\">{fields}<button>Go on</button></form>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_a_form_has_the_fields_of_its_address() {
        for (form, name) in PagerForm::ALL {
            assert_eq!(PagerForm::parse(name), Ok(form));
        }
        assert!(PagerForm::parse("x").unwrap_err().contains("double-arrow"));
        let html = PagerForm::Form.html("/l/_all_books?result_count=2&amp;first=3");
        let fields = "<input type=\"hidden\" name=\"result_count\" value=\"2\"><input type=\"hidden\" name=\"first\" value=\"3\">";
        assert!(
            html.contains("action=\"/l/_all_books\"") && html.contains(fields),
            "{html}"
        );
    }
}
