//! Draws what is known and chosen; a pure function of both, and of the size of the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Clear, Paragraph, Row, Table, TableState, Wrap};

use crate::actor::ActorName;
use crate::cli::actors::{detail, link_lines};
use crate::cli::frame::{TopFrame, permit_lines, transfer_line};
use crate::cli::top::data::TopData;
use crate::cli::top::layout::{FACT_INDENT, LinesWanted, ScreenPlan, wrapped};
use crate::cli::top::state::{TopState, TopView};
use crate::cli::top::table::{SortColumn, TopRow, rows};
use crate::log::PlainText;
use crate::observe::{ActorHealth, BlackBoxText, ControlRequest, DisplayDuration};

const HEADING: Style = Style::new().add_modifier(Modifier::BOLD).fg(Color::Cyan);
const TROUBLE: Style = Style::new().add_modifier(Modifier::BOLD).fg(Color::Red);

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, data: &TopData, state: &TopState) {
    let [body, keys] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    match state.view {
        TopView::Overview => overview(frame, body, data, state),
        TopView::Actor(actor) => one_actor(frame, body, data, (actor, state.scrolled)),
    }
    frame.render_widget(keys_line(data, state), keys);
    if let Some(request) = &state.unconfirmed {
        question(frame, body, request);
    }
}

fn overview(frame: &mut Frame<'_>, area: Rect, data: &TopData, state: &TopState) {
    let (HeadLines { lines: head, urgent }, rows) = (
        head_lines(data, area.width),
        rows(&data.status, state.sort, state.is_reversed),
    );
    let chain = link_lines(data.status.chains.heaviest.as_ref());
    let pool = permit_lines(&data.status.session);
    let transfers: Vec<_> = data.status.daemon.transfers.iter().map(transfer_line).collect();
    let wanted = LinesWanted {
        head: lines_of(&head),
        urgent,
        rows: lines_of(&rows),
        links: lines_of(&chain).saturating_sub(1),
        classes: lines_of(&pool).saturating_sub(1),
        transfers: lines_of(&transfers),
    };
    let plan = ScreenPlan::of(area.width, area.height, wanted);
    let upper = [plan.head, plan.table].map(Constraint::Length);
    let [head_area, table_area, lower] = Layout::vertical([upper[0], upper[1], Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(head), head_area);
    table(frame, table_area, &rows, state);
    let [left, right] = match plan.is_wide {
        true => Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)])
            .spacing(2)
            .areas(lower),
        false => Layout::vertical([Constraint::Length(plan.chain + plan.pool), Constraint::Min(0)]).areas(lower),
    };
    let [chain_area, pool_area] = halves(left, plan.chain, plan.pool);
    part(
        frame,
        chain_area,
        "Held back by",
        &chain_words(data, &chain, plan.chain),
    );
    part(frame, pool_area, "Pool", &pool_words(&pool, plan.pool));
    let [transfers_area, log_area] = halves(right, plan.transfers, plan.log);
    part(frame, transfers_area, "Transfers", &transfers);
    let last = usize::from(plan.log.saturating_sub(1));
    part(frame, log_area, "Log", &data.log[data.log.len().saturating_sub(last)..]);
}

fn lines_of<T>(lines: &[T]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn halves(area: Rect, first: u16, second: u16) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(first), Constraint::Length(second)]).areas(area)
}

/// What the daemon does, and what is wrong.
struct HeadLines {
    lines: Vec<Line<'static>>,
    /// Of these, the first that are to be seen in any case.
    urgent: u16,
}

fn head_lines(data: &TopData, columns: u16) -> HeadLines {
    let trouble = data.trouble.iter().map(|trouble| ("no answer", trouble.clone()));
    let frame = TopFrame { seen: &data.status };
    let facts: Vec<_> = trouble.chain(frame.head()).collect();
    let is_urgent = |heading| matches!(heading, "no answer" | "how it is" | "needs a person");
    let mut head = HeadLines {
        lines: Vec::new(),
        urgent: 0,
    };
    for (heading, text) in facts {
        let style = match heading {
            "no answer" | "needs a person" => TROUBLE,
            "waiting for" | "GRIN says wait" | "intake paused" | "downloads" => Style::new().fg(Color::Yellow),
            _ => Style::new(),
        };
        let fact = plain(&format!("{heading:<FACT_INDENT$}{text}"));
        let told = match is_urgent(heading) {
            true => wrapped(&fact, columns),
            false => vec![fact],
        };
        head.lines
            .extend(told.into_iter().map(|line| Line::styled(line, style)));
        if is_urgent(heading) {
            head.urgent = lines_of(&head.lines);
        }
    }
    head
}

fn table(frame: &mut Frame<'_>, area: Rect, rows: &[TopRow], state: &TopState) {
    let columns = [
        SortColumn::Layer,
        SortColumn::Mailbox,
        SortColumn::Oldest,
        SortColumn::Rate,
        SortColumn::Wait,
        SortColumn::Took,
        SortColumn::Busy,
    ];
    let heading = |column: SortColumn| {
        let arrow = match (column == state.sort, state.is_reversed) {
            (false, _) => "",
            (true, false) => "▼",
            (true, true) => "▲",
        };
        let text = Line::from(format!("{}{arrow}", column.heading()));
        Cell::from(if column == SortColumn::Layer {
            text
        } else {
            text.right_aligned()
        })
    };
    let headings = columns.map(heading).into_iter().chain([Cell::from("NOW")]);
    let widths = [13, 9, 8, 8, 8, 8, 6].map(Constraint::Length);
    let table = Table::new(rows.iter().map(row), widths.into_iter().chain([Constraint::Min(0)]))
        .header(Row::new(headings).style(HEADING))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let marked = rows.iter().position(|row| Some(row.actor) == state.marked);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(marked));
}

fn row(row: &TopRow) -> Row<'static> {
    let duration = |seconds: Option<f64>| detail::short(seconds);
    let oldest = if row.depth > 0 {
        DisplayDuration(row.oldest_seconds).to_string()
    } else {
        "-".to_owned()
    };
    let figures = [
        format!("{} / {}", row.depth, row.capacity),
        oldest,
        format!("{:.1}", row.rate),
        duration(row.wait_seconds),
        duration(row.took_seconds),
        format!("{:.0}%", row.busy_share * 100.0),
    ];
    let cells = figures.map(|figure| Cell::from(Line::from(figure).right_aligned()));
    let all = std::iter::once(Cell::from(row.actor.as_str()))
        .chain(cells)
        .chain([Cell::from(plain(&row.sentence))]);
    let is_full = row.depth >= row.capacity && row.capacity > 1;
    let style = match row.health {
        ActorHealth::Stuck => TROUBLE,
        ActorHealth::Late => Style::new().fg(Color::Yellow),
        ActorHealth::Well if is_full => Style::new().fg(Color::Yellow),
        ActorHealth::Well => Style::new(),
    };
    Row::new(all).style(style)
}

/// A heading and what stands below it; on one line where there is no room for more.
fn part(frame: &mut Frame<'_>, area: Rect, heading: &'static str, lines: &[String]) {
    let text = match (area.height, lines) {
        (0, _) => return,
        (1, [line, ..]) => vec![Line::from(vec![
            Span::styled(format!("{heading:<16}"), HEADING),
            Span::raw(plain(line)),
        ])],
        _ => std::iter::once(Line::styled(heading, HEADING))
            .chain(lines.iter().map(|line| Line::from(plain(line))))
            .collect(),
    };
    frame.render_widget(Paragraph::new(text), area);
}

fn chain_words(data: &TopData, lines: &[String], room: u16) -> Vec<String> {
    match (&data.status.chains.heaviest, room) {
        (Some(chain), 1) => vec![format!("{} ({})", chain.nodes(), chain.held_words())],
        _ => lines.to_vec(),
    }
}

/// On one line, what is held of each class alone.
fn pool_words(lines: &[String], room: u16) -> Vec<String> {
    if room > 1 {
        lines.to_vec()
    } else {
        lines.iter().take(1).cloned().collect()
    }
}

/// How far an actor's page can be scrolled on a screen of this height.
pub fn most_scrolled(height: u16, data: &TopData, state: &TopState) -> u16 {
    match state.view {
        TopView::Overview => 0,
        // The last line is that of the keys.
        TopView::Actor(actor) => lines_of(&actor_lines(data, actor)).saturating_sub(height.saturating_sub(1)),
    }
}

fn actor_lines(data: &TopData, actor: ActorName) -> Vec<String> {
    let mut lines = detail::of_one(&data.status, actor.as_str());
    lines.push(String::new());
    lines.extend(link_lines(data.status.chains.by_actor.get(&actor)));
    if let Some(dump) = data.black_box_of(actor) {
        let text = BlackBoxText(dump).to_string();
        let mut told: Vec<_> = text.lines().map(str::to_owned).collect();
        // The newest first: nobody scrolls through four thousand to see what has just happened.
        let events = told.split_off(told.len().saturating_sub(dump.events.len()));
        lines.push(String::new());
        lines.extend(told.into_iter().chain(events.into_iter().rev()));
    }
    lines
}

fn one_actor(frame: &mut Frame<'_>, area: Rect, data: &TopData, (actor, scrolled): (ActorName, u16)) {
    let lines = actor_lines(data, actor);
    let most = lines_of(&lines).saturating_sub(area.height);
    let text: Vec<_> = lines.iter().map(|line| Line::from(plain(line))).collect();
    frame.render_widget(Paragraph::new(text).scroll((scrolled.min(most), 0)), area);
}

fn keys_line(data: &TopData, state: &TopState) -> Paragraph<'static> {
    if let Some(said) = &state.said {
        return Paragraph::new(plain(said)).reversed();
    }
    let pause = if data.is_paused() { "p resume" } else { "p pause" };
    let keys = match (&state.unconfirmed, state.view) {
        (Some(_), _) => "y yes   any other key no".to_owned(),
        (None, TopView::Overview) => {
            format!("q quit   ↑↓ mark   Enter actor   s sort by   r reverse   {pause}")
        }
        (None, TopView::Actor(_)) => format!("q quit   Esc back   ↑↓ PgUp PgDn scroll   {pause}"),
    };
    Paragraph::new(keys).reversed()
}

fn question(frame: &mut Frame<'_>, area: Rect, request: &ControlRequest) {
    let text = match request {
        ControlRequest::Resume => "End the pause, and begin books again?",
        _ => "Begin no more books until somebody resumes? What is under way is finished.",
    };
    let width = area.width.min(60);
    let place = Rect {
        x: (area.width - width) / 2,
        y: area.height / 3,
        width,
        height: area.height.min(4),
    };
    frame.render_widget(Clear, place);
    let lines = vec![Line::raw(text), Line::raw("y yes   any other key no").bold()];
    frame.render_widget(
        Paragraph::new(lines).wrap(Wrap { trim: true }).centered().reversed(),
        place,
    );
}

/// Words of the daemon cannot steer the terminal.
fn plain(text: &str) -> String {
    PlainText(text).to_string()
}

#[cfg(test)]
mod tests;
