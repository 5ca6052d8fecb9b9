//! What every pool may expect of this worker and every requester of every pool, tried with each dialect and each way by
//! which work comes: `hivemind.v1`, and the live network's by pull and by push.

mod cases;
mod face;

/// The cases, for each way.
macro_rules! contract {
    ($($way:ident = $kind:ident: $($case:ident),* $(,)?;)*) => {$(
        mod $way {
            $(
                #[tokio::test]
                async fn $case() {
                    let name = concat!("contract::", stringify!($way), "::", stringify!($case));
                    let Some(scene) = crate::scene::Scene::open(name).await else { return };
                    super::cases::$case(&scene, super::face::Way::$kind).await;
                }
            )*
        }
    )*};
}

contract! {
    v1 = V1:
        tasks_complete_fail_and_are_refused,
        output_arrives_whole_or_its_end_with_a_word_about_the_rest,
        a_cancelled_task_ends_here_too,
        a_task_that_takes_longer_than_ninety_seconds_is_given_out_once,
        twenty_tasks_at_once_are_done_three_at_a_time,
        a_pool_that_starts_anew_loses_no_work,
        a_session_that_ends_costs_no_work,
        a_worker_that_is_killed_goes_on,
        a_package_that_has_vanished_is_no_failure,
        who_cannot_pay_is_recognised;
    nodepool_pull = Pull:
        tasks_complete_fail_and_are_refused,
        output_arrives_whole_or_its_end_with_a_word_about_the_rest,
        a_cancelled_task_ends_here_too,
        a_task_that_takes_longer_than_ninety_seconds_is_given_out_once,
        twenty_tasks_at_once_are_done_three_at_a_time,
        a_pool_that_starts_anew_loses_no_work,
        a_task_that_is_given_out_again_is_joined,
        a_stop_after_a_reset_ends_the_task,
        a_session_that_ends_costs_no_work,
        a_worker_that_is_killed_goes_on,
        a_package_that_has_vanished_is_no_failure,
        who_cannot_pay_is_recognised;
    nodepool_push = Push:
        tasks_complete_fail_and_are_refused,
        output_arrives_whole_or_its_end_with_a_word_about_the_rest,
        a_cancelled_task_ends_here_too,
        a_task_that_takes_longer_than_ninety_seconds_is_given_out_once,
        twenty_tasks_at_once_are_done_three_at_a_time,
        a_pool_that_starts_anew_loses_no_work,
        a_task_that_is_given_out_again_is_joined,
        a_stop_after_a_reset_ends_the_task,
        a_session_that_ends_costs_no_work,
        a_worker_that_is_killed_goes_on,
        a_package_that_has_vanished_is_no_failure,
        who_cannot_pay_is_recognised;
}
