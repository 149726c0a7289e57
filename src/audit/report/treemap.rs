//! Areas in proportion to numbers, as near to squares as they get (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).

/// A rectangle within the one that was divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// Divides `whole` by `values`, which are positive and begin with the largest: one rectangle for each, in their order.
#[must_use]
pub(crate) fn squarify(values: &[f64], whole: Rect) -> Vec<Rect> {
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        return Vec::new();
    }
    let scale = whole.width * whole.height / sum;
    let (mut rects, mut free, mut rest) = (Vec::with_capacity(values.len()), whole, values);
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        // One more joins the row as long as the worst shape in it does not get worse.
        let (mut taken, mut area, mut worst) = (0, 0.0, f64::INFINITY);
        while let (Some(value), Some(first)) = (rest.get(taken), rest.first()) {
            let with = area + value * scale;
            let shape = (side * side * first * scale / (with * with))
                .max(with * with / (side * side * value * scale));
            if taken > 0 && shape > worst {
                break;
            }
            (taken, area, worst) = (taken + 1, with, shape);
        }
        let (row, behind) = rest.split_at(taken);
        let depth = if side > 0.0 { area / side } else { 0.0 };
        let is_upright = free.width >= free.height;
        let mut at = if is_upright { free.y } else { free.x };
        for value in row {
            let length = if depth > 0.0 { value * scale / depth } else { 0.0 };
            rects.push(if is_upright {
                Rect { x: free.x, y: at, width: depth, height: length }
            } else {
                Rect { x: at, y: free.y, width: length, height: depth }
            });
            at += length;
        }
        free = if is_upright {
            Rect { x: free.x + depth, width: (free.width - depth).max(0.0), ..free }
        } else {
            Rect { y: free.y + depth, height: (free.height - depth).max(0.0), ..free }
        };
        rest = behind;
    }
    rects
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Rect = Rect { x: 0.0, y: 0.0, width: 100.0, height: 50.0 };

    #[test]
    fn areas_are_in_proportion_fill_the_whole_and_do_not_overlap() {
        for values in [
            vec![6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0],
            vec![1.0],
            vec![1e12, 1.0, 1.0],
            (1..200).rev().map(f64::from).collect(),
        ] {
            let rects = squarify(&values, WHOLE);
            assert_eq!(rects.len(), values.len());
            let sum: f64 = values.iter().sum();
            for (rect, value) in rects.iter().zip(&values) {
                let expected = 5000.0 * value / sum;
                assert!(
                    (rect.width * rect.height - expected).abs() < 1e-6 * (1.0 + expected),
                    "{rect:?} {value}"
                );
                assert!(rect.x >= -1e-9 && rect.x + rect.width <= 100.0 + 1e-6, "{rect:?}");
                assert!(rect.y >= -1e-9 && rect.y + rect.height <= 50.0 + 1e-6, "{rect:?}");
            }
            for (number, one) in rects.iter().enumerate() {
                for other in rects.iter().skip(number + 1) {
                    let across = (one.x + one.width).min(other.x + other.width) - one.x.max(other.x);
                    let down = (one.y + one.height).min(other.y + other.height) - one.y.max(other.y);
                    assert!(across < 1e-6 || down < 1e-6, "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn the_example_of_the_paper_comes_out_as_there() {
        let whole = Rect { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        let rects = squarify(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], whole);
        assert_eq!(rects[0], Rect { x: 0.0, y: 0.0, width: 3.0, height: 2.0 });
        assert_eq!(rects[1], Rect { x: 0.0, y: 2.0, width: 3.0, height: 2.0 });
        assert!((rects[2].width - 12.0 / 7.0).abs() < 1e-9 && (rects[2].height - 7.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_divided_into_nothing() {
        assert!(squarify(&[], WHOLE).is_empty());
        assert!(squarify(&[0.0], WHOLE).is_empty());
    }
}
