//! Room `simulator`: tests of the conversion engine.

use super::super::config::ConversionConfig;
use super::super::life::Mix;
use super::*;
use crate::simulator::SimulatorConfig;

fn shelf(conversion: &ConversionConfig) -> Shelf {
    let config = SimulatorConfig {
        books: 100,
        mix: Mix::NEW,
        conversion: ConversionConfig {
            day: None,
            ..conversion.clone()
        },
        ..SimulatorConfig::default()
    };
    Shelf::new(Arc::new(Catalogue::new(config)))
}

fn ask(shelf: &Shelf, books: std::ops::Range<u32>) -> Option<Vec<Asked>> {
    shelf.ask(&books.map(Some).collect::<Vec<_>>())
}

fn count(shelf: &Shelf, state: State) -> usize {
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
    assert_eq!((count(&shelf, State::Converted), shelf.in_process()), (5, 25));
    shelf.pass_minutes(DAY);
    assert_eq!(count(&shelf, State::Converted), 15);
    assert!((0..15).all(|index| shelf.life(index).state == State::Converted));
    shelf.pass_minutes(9 * DAY);
    assert_eq!((count(&shelf, State::Converted), shelf.in_process()), (30, 0));
}

#[test]
fn the_words_follow_the_state() {
    let shelf = shelf(&ConversionConfig::default());
    assert_eq!(ask(&shelf, 0..1).unwrap(), [Asked::Success]);
    assert_eq!(ask(&shelf, 0..1).unwrap(), [Asked::AlreadyBeingConverted]);
    shelf.pass_minutes(DAY);
    assert_eq!(ask(&shelf, 0..1).unwrap(), [Asked::AlreadyAvailable]);
    shelf.set_state(1, State::NotAvailable);
    shelf.set_state(2, State::CheckedIn);
    assert_eq!(
        shelf.ask(&[Some(1), Some(2), None]).unwrap(),
        [Asked::NotAllowed, Asked::OtherError, Asked::OtherError]
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
    assert_eq!(ask(&shelf, 3..4).unwrap(), [Asked::AlreadyBeingConverted]);
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
    assert_eq!(shelf.life(0).state, State::New);
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
    assert!(life.failed > 0 && life.state == State::New);
    assert_eq!(ask(&shelf, 1..2).unwrap(), [Asked::Success]);
}

#[test]
fn a_second_conversion_is_another_generation() {
    let shelf = shelf(&ConversionConfig::default());
    ask(&shelf, 0..1).unwrap();
    shelf.pass_minutes(DAY);
    let first = shelf.life(0);
    shelf.set_state(0, State::PreviouslyDownloaded);
    ask(&shelf, 0..1).unwrap();
    shelf.pass_minutes(DAY);
    let second = shelf.life(0);
    assert_eq!((first.generation, second.generation), (0, 1));
    assert!(second.converted > first.converted);
}
