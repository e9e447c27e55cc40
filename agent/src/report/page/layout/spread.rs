//! Places in a row that are as near to those wanted as distances allow.

/// Places `p` with `p[i+1] - p[i] >= distances[i]` that make the sum of `(p - wanted)^2` least: isotonic regression by
/// pooling neighbours that are too near.
pub(in super::super) fn spread(wanted: &[f64], distances: &[f64]) -> Vec<f64> {
    // With the distances taken off, places need only not to fall.
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(wanted.len());
    for index in 0..wanted.len() {
        if index > 0 {
            offset += distances.get(index - 1).copied().unwrap_or_default();
        }
        offsets.push(offset);
    }
    // Sum and number of each pool.
    let mut pools: Vec<(f64, f64)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(&offsets) {
        let mut pool = (wanted - offset, 1.0);
        while let Some(&(sum, count)) = pools.last()
            && sum / count > pool.0 / pool.1
        {
            pool = (pool.0 + sum, pool.1 + count);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut places = Vec::with_capacity(wanted.len());
    for (sum, count) in pools {
        let mut left = count;
        while left > 0.5 {
            places.push(sum / count + offsets.get(places.len()).copied().unwrap_or_default());
            left -= 1.0;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_hold_and_the_middle_stays() {
        let rows: &[(&[f64], &[f64], &[f64])] = &[
            (&[0.0, 10.0], &[5.0], &[0.0, 10.0]),
            (&[0.0, 0.0], &[10.0], &[-5.0, 5.0]),
            (&[0.0, 0.0, 0.0], &[10.0, 10.0], &[-10.0, 0.0, 10.0]),
            (&[0.0, 0.0, 100.0], &[10.0, 10.0], &[-5.0, 5.0, 100.0]),
            (&[5.0], &[], &[5.0]),
            (&[], &[], &[]),
        ];
        for (wanted, distances, expected) in rows {
            assert_eq!(spread(wanted, distances), *expected, "{wanted:?}");
        }
    }
}
