//! The picture for previews of links: calls over time, as PNG, because those who show previews do not
//! read SVG. It has no text: title and description of the page come with it.

use salvo::http::{Request, Response};
use salvo::{Depot, handler};
use stages::rollup::Axis;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::kept::{Drawn, Question, Shown};
use super::numbers::{by_bucket, values};
use crate::http::problem::Problem;
use crate::store::read::Detail;

/// The size that previews are shown in.
const SIZE: (u32, u32) = (1_200, 630);
/// Left, top, right, bottom of the drawing.
const FRAME: (f32, f32, f32, f32) = (60.0, 70.0, 1_140.0, 560.0);
/// Lines of the ruling.
const RULES: u16 = 5;

// The light colours of the stylesheet: paper, rule, wash and pen.
const PAPER: [u8; 3] = [0xf8, 0xf6, 0xef];
const RULE: [u8; 3] = [0xe3, 0xde, 0xd0];
const WASH: [u8; 3] = [0xdc, 0xec, 0xe6];
const PEN: [u8; 3] = [0x0b, 0x6b, 0x70];

/// `/preview.png`
#[handler]
pub(super) async fn get_picture(req: &mut Request, depot: &Depot, res: &mut Response) {
    match picture(req, depot).await {
        Ok(picture) => picture.send(req.headers(), res, "image/png"),
        Err(problem) => problem.write(res),
    }
}

async fn picture(req: &Request, depot: &Depot) -> Result<Shown, Problem> {
    let question = Question::of(req, depot).await?;
    let asked = question.asked()?;
    let make = async {
        let cells = asked.series(&asked.window, Axis::Tool, Detail::Calls).await?;
        let buckets = by_bucket(&asked, &asked.window, cells.iter());
        let calls = values(&buckets, |tally| Some(tally.calls() as f64));
        Ok(Drawn::whole(draw(&calls)?))
    };
    question.kept("/preview.png", &asked, make).await
}

fn draw(calls: &[Option<f64>]) -> Result<Vec<u8>, Problem> {
    let map = Pixmap::new(SIZE.0, SIZE.1);
    let mut map = map.ok_or_else(|| Problem::internal("a picture of no size"))?;
    map.fill(colour(PAPER));
    let (left, top, right, bottom) = FRAME;
    for nth in 0..=RULES {
        let y = top + (bottom - top) * f32::from(nth) / f32::from(RULES);
        bar(&mut map, RULE, (left, y - 1.0, right, y + 1.0));
    }
    bar(&mut map, PEN, (0.0, 0.0, SIZE.0 as f32, 14.0));
    let most = calls.iter().flatten().copied().fold(1.0, f64::max);
    let band = (right - left) / calls.len().max(1) as f32;
    let points = calls.iter().enumerate().map(|(i, calls)| {
        calls.map(|calls| {
            let height = (calls / most) as f32 * (bottom - top);
            (left + (i as f32 + 0.5) * band, bottom - height)
        })
    });
    let points: Vec<Option<(f32, f32)>> = points.collect();
    for run in points.split(Option::is_none) {
        let run: Vec<(f32, f32)> = run.iter().copied().flatten().collect();
        trace(&mut map, &run, bottom);
    }
    map.encode_png().map_err(Problem::internal)
}

/// A stretch of the line, and the ground under it.
fn trace(map: &mut Pixmap, run: &[(f32, f32)], bottom: f32) {
    let ([first, ..], [.., last]) = (run, run) else { return };
    let mut line = PathBuilder::new();
    line.move_to(first.0, first.1);
    run[1..].iter().for_each(|(x, y)| line.line_to(*x, *y));
    let mut ground = line.clone();
    ground.line_to(last.0, bottom);
    ground.line_to(first.0, bottom);
    ground.close();
    if let Some(ground) = ground.finish() {
        map.fill_path(&ground, &paint(WASH), FillRule::Winding, Transform::identity(), None);
    }
    if let Some(line) = line.finish() {
        let stroke = Stroke { width: 6.0, ..Stroke::default() };
        map.stroke_path(&line, &paint(PEN), &stroke, Transform::identity(), None);
    }
}

fn bar(map: &mut Pixmap, ink: [u8; 3], (left, top, right, bottom): (f32, f32, f32, f32)) {
    if let Some(bar) = Rect::from_ltrb(left, top, right, bottom) {
        map.fill_rect(bar, &paint(ink), Transform::identity(), None);
    }
}

fn colour([r, g, b]: [u8; 3]) -> Color {
    Color::from_rgba8(r, g, b, 0xff)
}

fn paint(ink: [u8; 3]) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(colour(ink));
    paint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_where_the_numbers_are() {
        let png = draw(&[Some(0.0), Some(10.0), None, Some(5.0), Some(5.0)]).unwrap();
        let map = Pixmap::decode_png(&png).unwrap();
        assert_eq!((map.width(), map.height()), SIZE);
        let ink = |x, y| map.pixel(x, y).map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]);
        // Five bands of 216: the second is at the top, the fourth and fifth half way up.
        assert_eq!(ink(384, 71), Some(PEN));
        assert_eq!(ink(900, 315), Some(PEN));
        assert_eq!(ink(900, 500), Some(WASH));
        // The gap is paper, under the line of the ruling too.
        assert_eq!(ink(600, 400), Some(PAPER));
    }
}
