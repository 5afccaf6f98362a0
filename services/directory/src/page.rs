//! Pages of organisations in the order of their ids.
//!
//! A token holds the id after which the next page begins. Ids never change place, so a token stays good while the
//! directory grows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_domain::ids::OrganizationId;
use egide_wire::proto::egide::directory::v1::ListOrganizationsRequest;
use egide_wire::refusal::Violation;

const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: u32 = 200;
const VERSION: u8 = 1;

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many at most.
    pub(crate) size: usize,
    /// After which organisation; absent: the first page.
    pub(crate) after: Option<OrganizationId>,
}

impl Page {
    pub(crate) fn read(request: &ListOrganizationsRequest) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        if request.page_size > SIZE_MAX {
            violations.push(Violation::new("page_size", format!("must be 1 to {SIZE_MAX}, or 0 for {SIZE_DEFAULT}")));
        }
        let size = match request.page_size {
            0 => SIZE_DEFAULT,
            size => usize::try_from(size).unwrap_or(SIZE_DEFAULT),
        };
        let after = read_token(&request.page_token);
        if after.is_none() && !request.page_token.is_empty() {
            let unknown = "is no token of this method: send `next_page_token` of the page before, or nothing";
            violations.push(Violation::new("page_token", unknown));
        }
        if violations.is_empty() { Ok(Self { size, after }) } else { Err(violations) }
    }
}

/// The token of the page after this organisation.
pub(crate) fn token_after(id: OrganizationId) -> String {
    let mut token = vec![VERSION];
    token.extend_from_slice(id.as_bytes());
    URL_SAFE_NO_PAD.encode(token)
}

fn read_token(token: &str) -> Option<OrganizationId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (version, id) = bytes.split_first()?;
    (*version == VERSION).then_some(OrganizationId(id.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page_size: u32, page_token: &str) -> Result<Page, Vec<String>> {
        Page::read(&ListOrganizationsRequest { page_size, page_token: page_token.to_owned() })
            .map_err(|violations| violations.into_iter().map(|violation| violation.field).collect())
    }

    #[test]
    fn a_token_leads_to_the_page_after() {
        let id = OrganizationId([9; 16]);
        assert_eq!(page(10, &token_after(id)), Ok(Page { size: 10, after: Some(id) }));
        assert_eq!(page(0, ""), Ok(Page { size: 50, after: None }));
        assert_eq!(page(200, "").map(|page| page.size), Ok(200));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        assert_eq!(page(201, ""), Err(vec!["page_size".to_owned()]));
        for token in ["x", "AAAA", &URL_SAFE_NO_PAD.encode([2; 17]), &URL_SAFE_NO_PAD.encode([1; 18])] {
            assert_eq!(page(1, token), Err(vec!["page_token".to_owned()]), "{token}");
        }
    }
}
