"""Pure decisions: from facts to the steps that are still missing, or to the reason why not."""
