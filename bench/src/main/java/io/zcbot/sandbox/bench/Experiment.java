package io.zcbot.sandbox.bench;

/** A measurement. */
@FunctionalInterface
interface Experiment {
  void run(Setting setting, Report report) throws Exception;
}
