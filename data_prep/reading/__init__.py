"""Reading of tables: from a file of any format to cells, with a report on what was done."""
