/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleConsumer;

/** One figure per round under each name. */
final class Rounds {
  private final Map<String, List<Double>> figures = new LinkedHashMap<>();

  void add(String name, double figure) {
    figures.computeIfAbsent(name, _ -> new ArrayList<>()).add(figure);
  }

  double median(String name) {
    return median(figures.get(name));
  }

  /** Ratios are made within a round, since rounds differ in what else the machine did. */
  Rounds ratio(String name, String over) {
    Rounds ratios = new Rounds();
    for (int i = 0; i < figures.get(name).size(); i++) {
      ratios.add("ratio", figures.get(name).get(i) / figures.get(over).get(i));
    }
    return ratios;
  }

  double ratioMedian(String name, String over) {
    return ratio(name, over).median("ratio");
  }

  /** A ratio's median and range. */
  String ratioText(String name, String over) {
    Rounds ratios = ratio(name, over);
    return ratios.text("ratio", "%.2f") + "×";
  }

  /** By how much one exceeds a multiple of another and some more, within each round. */
  Rounds over(String name, String base, double factor, double more) {
    Rounds over = new Rounds();
    for (int i = 0; i < figures.get(name).size(); i++) {
      over.add("over", figures.get(name).get(i) - figures.get(base).get(i) * factor - more);
    }
    return over;
  }

  /** So much of one and so much of another, within each round. */
  Rounds sum(String name, String first, double factor, String second, double otherFactor) {
    List<Double> seconds = figures.get(second);
    Rounds sum = new Rounds();
    for (int i = 0; i < seconds.size(); i++) {
      sum.add(name, factor * figures.get(first).get(i) + otherFactor * seconds.get(i));
    }
    return sum;
  }

  void each(String name, DoubleConsumer consumer) {
    figures.get(name).forEach(consumer::accept);
  }

  double last(String name) {
    return figures.get(name).getLast();
  }

  double most(String name) {
    return Collections.max(figures.get(name));
  }

  /** The same in another unit. */
  Rounds scaled(String name, double by) {
    Rounds scaled = new Rounds();
    figures.get(name).forEach(figure -> scaled.add(name, figure * by));
    return scaled;
  }

  /** Median, and the range if there is one. */
  String text(String name, String format) {
    List<Double> all = figures.get(name);
    String median = String.format(Locale.ROOT, format, median(all));
    return all.size() == 1
        ? median
        : median
            + " ["
            + String.format(Locale.ROOT, format, Collections.min(all))
            + "–"
            + String.format(Locale.ROOT, format, Collections.max(all))
            + "]";
  }

  private static double median(List<Double> all) {
    List<Double> sorted = all.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }
}
