//! Which task has which GPU. A GPU belongs to one task at a time and is always named by its identifier.

use crate::resources::GpuInfo;
use std::collections::BTreeSet;

/// Longest identifier that is passed on, in bytes.
const MAX_UUID_BYTES: usize = 96;

/// Whether a text is a driver's identifier of one GPU, such as `GPU-8c1e…` or `MIG-8c1e…`. A number or a word such
/// as `all` is none: it would name another GPU after a restart, or every one.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    let rest = text.strip_prefix("GPU-").or_else(|| text.strip_prefix("MIG-"));
    text.len() <= MAX_UUID_BYTES
        && rest.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// The GPUs of `all` that nobody has, in the order in which they are given away. The last one comes first: a
/// computer's first GPU usually draws its owner's screen.
#[must_use]
pub fn free<'a>(all: &'a [GpuInfo], taken: &BTreeSet<&str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    let mut free: Vec<&str> = all
        .iter()
        .map(|gpu| gpu.uuid.as_str())
        .filter(|uuid| is_uuid(uuid) && !taken.contains(uuid) && seen.insert(*uuid))
        .collect();
    free.reverse();
    free
}

/// Gives `need` free GPUs to one task; `None` when there are not so many.
#[must_use]
pub fn allocate(all: &[GpuInfo], taken: &BTreeSet<&str>, need: u32) -> Option<Vec<String>> {
    let need = usize::try_from(need).ok()?;
    let free = free(all, taken);
    (free.len() >= need).then(|| free.into_iter().take(need).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn gpus(count: u32) -> Vec<GpuInfo> {
        (0..count)
            .map(|n| GpuInfo { uuid: format!("GPU-{n}"), name: "x".into(), memory_bytes: 1 << 30 })
            .collect()
    }

    #[test]
    fn only_identifiers_of_single_gpus_are_passed_on() {
        for fine in ["GPU-8c1e2f30-0000-1111-2222-333344445555", "MIG-8c1e2f30-0000", "GPU-0"] {
            assert!(is_uuid(fine), "{fine}");
        }
        let long = format!("GPU-{}", "a".repeat(MAX_UUID_BYTES));
        for bad in
            ["", "all", "none", "void", "0", "0,1", "GPU-", "gpu-1", "GPU-1,GPU-2", "GPU-1 ", "GPU-é", &long]
        {
            assert!(!is_uuid(bad), "{bad}");
        }
    }

    #[test]
    fn the_screens_gpu_goes_last_and_the_same_is_never_counted_twice() {
        let all = gpus(2);
        assert_eq!(allocate(&all, &BTreeSet::new(), 1), Some(vec!["GPU-1".to_owned()]));
        assert_eq!(allocate(&all, &BTreeSet::from(["GPU-1"]), 1), Some(vec!["GPU-0".to_owned()]));
        assert_eq!(allocate(&all, &BTreeSet::from(["GPU-1"]), 2), None);
        assert_eq!(allocate(&all, &BTreeSet::new(), 0), Some(Vec::new()));
        let double = [gpus(1), gpus(1)].concat();
        assert_eq!(allocate(&double, &BTreeSet::new(), 2), None);
        let odd = [GpuInfo { uuid: "all".into(), name: String::new(), memory_bytes: 0 }];
        assert_eq!(allocate(&odd, &BTreeSet::new(), 1), None);
    }

    #[derive(Debug, Clone)]
    enum Happening {
        Begin(u8, u32),
        End(u8),
        /// So many GPUs are there from now on.
        Count(u32),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            (0..8_u8, 0..5_u32).prop_map(|(task, need)| Happening::Begin(task, need)),
            (0..8_u8).prop_map(Happening::End),
            (0..6_u32).prop_map(Happening::Count),
        ]
    }

    proptest! {
        #[test]
        fn no_gpu_is_ever_in_two_hands(happenings in proptest::collection::vec(happening(), 0..60)) {
            let mut all = gpus(4);
            let mut held: BTreeMap<u8, Vec<String>> = BTreeMap::new();
            for happening in happenings {
                match happening {
                    Happening::Begin(task, need) if !held.contains_key(&task) => {
                        let taken: BTreeSet<&str> = held.values().flatten().map(String::as_str).collect();
                        let left = all.iter().filter(|gpu| !taken.contains(gpu.uuid.as_str())).count();
                        match allocate(&all, &taken, need) {
                            Some(given) => {
                                prop_assert_eq!(given.len(), need as usize);
                                prop_assert!(given.iter().all(|uuid| !taken.contains(uuid.as_str())));
                                prop_assert!(given.iter().all(|uuid| all.iter().any(|gpu| gpu.uuid == *uuid)));
                                held.insert(task, given);
                            }
                            None => prop_assert!(left < need as usize),
                        }
                    }
                    Happening::Begin(..) => {}
                    Happening::End(task) => {
                        held.remove(&task);
                    }
                    Happening::Count(count) => all = gpus(count),
                }
                let hands: Vec<&String> = held.values().flatten().collect();
                let different: BTreeSet<&String> = hands.iter().copied().collect();
                prop_assert_eq!(hands.len(), different.len());
            }
        }
    }
}
