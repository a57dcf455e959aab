//! Tests of the conversion engine.

use crate::lab::simulator::SimulatorConfig;
use crate::lab::simulator::config::ConversionConfig;
use crate::lab::simulator::grin::life::StateMix;
use crate::lab::simulator::grin::shelf::*;

fn shelf(conversion: &ConversionConfig) -> BookShelf {
    let config = SimulatorConfig {
        books: 100,
        mix: StateMix::NEW,
        conversion: ConversionConfig {
            day: None,
            ..conversion.clone()
        },
        ..SimulatorConfig::default()
    };
    BookShelf::new(Arc::new(SeededCatalogue::new(config)))
}

fn ask(shelf: &BookShelf, books: std::ops::Range<u32>) -> Option<Vec<ConversionRequest>> {
    shelf.ask(&books.map(Some).collect::<Vec<_>>())
}

fn count(shelf: &BookShelf, state: SimulatedState) -> usize {
    (0..100).filter(|&index| shelf.life(index).state == state).count()
}

#[test]
fn books_are_converted_at_the_daily_rate_in_the_order_asked() {
    let shelf = shelf(&ConversionConfig {
        per_day: 10,
        ..ConversionConfig::default()
    });
    ask(&shelf, 0..30).unwrap();
    shelf.pass_minutes(DAY / 2);
    assert_eq!((count(&shelf, SimulatedState::Converted), shelf.in_process()), (5, 25));
    shelf.pass_minutes(DAY);
    assert_eq!(count(&shelf, SimulatedState::Converted), 15);
    assert!((0..15).all(|index| shelf.life(index).state == SimulatedState::Converted));
    shelf.pass_minutes(9 * DAY);
    assert_eq!((count(&shelf, SimulatedState::Converted), shelf.in_process()), (30, 0));
}

#[test]
fn the_words_follow_the_state() {
    let shelf = shelf(&ConversionConfig::default());
    assert_eq!(ask(&shelf, 0..1).unwrap(), [ConversionRequest::Success]);
    assert_eq!(ask(&shelf, 0..1).unwrap(), [ConversionRequest::AlreadyBeingConverted]);
    shelf.pass_minutes(DAY);
    assert_eq!(ask(&shelf, 0..1).unwrap(), [ConversionRequest::AlreadyAvailable]);
    shelf.set_state(1, SimulatedState::NotAvailable);
    shelf.set_state(2, SimulatedState::CheckedIn);
    assert_eq!(
        shelf.ask(&[Some(1), Some(2), None]).unwrap(),
        [
            ConversionRequest::NotAllowed,
            ConversionRequest::OtherError,
            ConversionRequest::OtherError
        ]
    );
}

#[test]
fn a_full_queue_takes_nothing_new_but_answers_for_the_old() {
    let shelf = shelf(&ConversionConfig {
        queue_limit: 10,
        ..ConversionConfig::default()
    });
    ask(&shelf, 0..10).unwrap();
    assert_eq!(ask(&shelf, 10..11), None);
    assert_eq!(ask(&shelf, 3..4).unwrap(), [ConversionRequest::AlreadyBeingConverted]);
}

#[test]
fn a_full_pool_drops_its_oldest() {
    let shelf = shelf(&ConversionConfig {
        pool_limit: Some(5),
        ..ConversionConfig::default()
    });
    ask(&shelf, 0..8).unwrap();
    shelf.pass_minutes(DAY);
    let available: Vec<u32> = (0..100)
        .filter(|&index| shelf.has_archive(&shelf.life(index)))
        .collect();
    assert_eq!(available, [3, 4, 5, 6, 7]);
    assert_eq!(shelf.life(0).state, SimulatedState::New);
}

#[test]
fn failed_conversions_can_be_asked_for_again() {
    let shelf = shelf(&ConversionConfig {
        failure_rate: 1.0,
        ..ConversionConfig::default()
    });
    ask(&shelf, 0..3).unwrap();
    shelf.pass_minutes(DAY);
    let life = shelf.life(1);
    assert!(life.failed > 0 && life.state == SimulatedState::New);
    assert_eq!(ask(&shelf, 1..2).unwrap(), [ConversionRequest::Success]);
}

#[test]
fn a_second_conversion_is_another_generation() {
    let shelf = shelf(&ConversionConfig::default());
    ask(&shelf, 0..1).unwrap();
    shelf.pass_minutes(DAY);
    let first = shelf.life(0);
    shelf.set_state(0, SimulatedState::PreviouslyDownloaded);
    ask(&shelf, 0..1).unwrap();
    shelf.pass_minutes(DAY);
    let second = shelf.life(0);
    assert_eq!((first.generation, second.generation), (0, 1));
    assert!(second.converted > first.converted);
}
