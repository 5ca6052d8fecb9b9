//! Nothing: the tests are in `product/`, the sample tasks in `fixtures/`.
