//! Lists that come in pages.

use comfy_table::Table;
use egide_wire::proto::egide::audit::v1::{
    AccountForPersonResponse, ListCaseStepsResponse, ListDisclosuresResponse, ListLooksResponse,
};
use egide_wire::proto::egide::directory::v1::ListOrganizationsResponse;
use egide_wire::proto::egide::disclosure::v1::{ListApprovalsResponse, ListDecisionsResponse, ListReferralsResponse};
use egide_wire::proto::egide::triage::v1::{ListObligationsResponse, ListReviewsResponse};
use prost::{Message, Name};
use tonic::{Response, Status};

use crate::failure::Failure;
use crate::output::Output;

/// One page of a list.
pub(crate) trait Page: Message + Name {
    /// The token of the next page; empty when there is none.
    fn next_page_token(&self) -> &str;
}

macro_rules! pages {
    ($($page:ty),+ $(,)?) => {
        $(impl Page for $page {
            fn next_page_token(&self) -> &str {
                &self.next_page_token
            }
        })+
    };
}

pages![
    AccountForPersonResponse,
    ListApprovalsResponse,
    ListCaseStepsResponse,
    ListDecisionsResponse,
    ListDisclosuresResponse,
    ListLooksResponse,
    ListObligationsResponse,
    ListOrganizationsResponse,
    ListReferralsResponse,
    ListReviewsResponse,
];

/// Which pages of a list are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Pages<'a> {
    /// The token to begin with; empty: at the beginning.
    pub(crate) from: &'a str,
    /// To the end, and not the first one alone.
    pub(crate) all: bool,
}

impl Pages<'_> {
    /// The whole list.
    pub(crate) const ALL: Self = Self { from: "", all: true };
}

impl Output {
    /// Fetches pages and tells each as JSON, or hands it to `show`. The token of the page after them; empty at the end.
    pub(crate) async fn pages<P: Page>(
        &mut self,
        wanted: Pages<'_>,
        mut fetch: impl AsyncFnMut(String) -> Result<Response<P>, Status>,
        mut show: impl FnMut(&mut Self, &P) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let mut page_token = wanted.from.to_owned();
        loop {
            let page = self.waiting("say.waiting", fetch(page_token)).await?.into_inner();
            if self.is_json() {
                self.message(&page)?;
            } else {
                show(self, &page)?;
            }
            page_token = page.next_page_token().to_owned();
            if page_token.is_empty() || !wanted.all {
                return Ok(page_token);
            }
        }
    }

    /// Prints the table that pages came to, and how to go on after them.
    pub(crate) fn show_pages(&mut self, table: &Table, when_empty: &str, next: &str) -> Result<(), Failure> {
        if self.is_json() {
            return Ok(());
        }
        self.show(table, when_empty)?;
        if next.is_empty() {
            return Ok(());
        }
        self.note(self.lang.fill("say.next_page", &[("token", &next)]))
    }
}
