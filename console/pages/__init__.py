"""The pages people see, one module per noun; they call services and selectors and own no rule."""
